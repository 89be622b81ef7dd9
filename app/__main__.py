"""`python -m app` is `marquee`."""

from app.cli import main

if __name__ == "__main__":
    main()
