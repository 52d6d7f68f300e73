"""Where W&B keeps the files of tables until they are uploaded, under a name that tells nothing.

With every table W&B sends its server the absolute path of each of the table's files, by default in
the user's home. Here they lie in the run folder, which W&B reaches through a link that bears no
more than the run's id.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.run_folder import RunFolder

PLACE = Path("/tmp")
"""Not the temporary directory of the user or the job, whose path may name them."""


@contextmanager
def staging(folder: RunFolder) -> Iterator[None]:
    """Let W&B write the files of tables below the run folder.

    The link stays for the upload, which goes on behind; :func:`remove_link` ends it.

    Raises:
        OSError: If the link cannot be made, or its name is taken by something else.
    """
    before = os.environ.get("WANDB_DATA_DIR")
    os.environ["WANDB_DATA_DIR"] = str(make_link(folder))
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]
        if before is not None:
            os.environ["WANDB_DATA_DIR"] = before


def make_link(folder: RunFolder) -> Path:
    """Link to the run's staged files; one that a killed attempt has left is replaced.

    Raises:
        OSError: If the link cannot be made, or its name is taken by something else.
    """
    target = folder.path.resolve() / "wandb" / "staged"
    target.mkdir(parents=True, exist_ok=True)
    run_id = folder.status()["wandb_id"]
    remove_link(run_id)
    _link(run_id).symlink_to(target)
    return _link(run_id)


def remove_link(run_id: str) -> None:
    """Remove the link of a run, if it is there and one's own; the files stay."""
    link = _link(run_id)
    if link.is_symlink() and link.lstat().st_uid == os.geteuid():
        link.unlink()


def _link(run_id: str) -> Path:
    return PLACE / f"lightbox-{run_id}"
