"""Entry point: `python -m retrieval.train` is `marquee train`."""

if __name__ == "__main__":
    from app.entrypoints import run_training

    run_training()
