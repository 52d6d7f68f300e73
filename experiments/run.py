"""``python -m experiments.run``: start a run, go on with one, or show what there is to run."""

import sys

from experiments.command_line import Resume, Show, Start, guarded, parse_run


def main(argv: list[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    return guarded(lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(argv: list[str]) -> int:
    request = parse_run(argv)
    if isinstance(request, Show):
        print(request.text)
        return 0
    from experiments.run_folder import RunFolder
    from experiments.session import resume, start

    match request:
        case Start(experiment):
            start(experiment)
        case Resume(run, experiment):
            resume(RunFolder.open(run), experiment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
