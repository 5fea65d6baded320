"""Every room's tests. A package, so that a dependency that ships a package of this name cannot take its place."""
