"""Lets ``python -m neuroninterp`` do what the command ``neuroninterp`` does."""

from neuroninterp.cli import main

if __name__ == "__main__":
    main()
