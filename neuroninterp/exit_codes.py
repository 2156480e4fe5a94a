"""What the command line's exit codes mean; 0 is success."""

__all__ = ["EXIT_BUG", "EXIT_INTERRUPTED", "EXIT_WRONG_INPUT"]

EXIT_BUG = 1
EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
