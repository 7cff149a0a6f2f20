"""``python -m bot``: the command ``quaymaster``."""

from bot.cli import main

if __name__ == "__main__":
    main()
