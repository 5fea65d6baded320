"""The state folder of one machine's stack: what it holds, which ports and processes it names, its two servers."""
