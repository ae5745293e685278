"""`python -m rag_flywheel` is `rag-flywheel`."""

from rag_flywheel.cli.app import main

if __name__ == "__main__":
    main()
