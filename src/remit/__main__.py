"""`python -m remit`: runs the command line with this interpreter."""

from remit.cli import main

if __name__ == "__main__":
    main()
