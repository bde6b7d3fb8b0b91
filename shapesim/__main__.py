"""``python -m shapesim``."""

from shapesim.cli import main

if __name__ == "__main__":
    main()
