"""A person's acts on a running system, whatever front end they came through: the command line, a page, a phone."""
