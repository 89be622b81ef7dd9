"""`python -m app` is `marquee`."""

from marquee import main

if __name__ == "__main__":
    main()
