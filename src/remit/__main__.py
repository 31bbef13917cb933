"""`python -m remit`: the command line by the interpreter that runs this."""

from remit.cli import main

if __name__ == "__main__":
    main()
