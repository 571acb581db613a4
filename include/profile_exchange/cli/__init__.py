"""The command line: what data engineers do with an installation."""
