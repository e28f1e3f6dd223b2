"""``python -m perpbot``."""

from perpbot.cli.main import main

if __name__ == "__main__":
    main()
