"""Views of a film, PA, AP, lateral ..., however datasets and DICOM headers write them."""

from collections.abc import Collection

LATERAL = "LATERAL"
FRONTAL = frozenset({"FRONTAL", "PA", "AP"})
SYNONYMS = dict.fromkeys(("L", "LL", "RL", "LAT", "LEFT LATERAL", "RIGHT LATERAL"), LATERAL)


def plain_views(view: object) -> list[str]:
    """The views of a film or, joined by ``+``, of an exam, each written in one way.

    Args:
        view: As a table or a header has it; None where it is not known.
    """
    names = (name.strip().upper().replace("_", " ") for name in str(view or "").split("+"))
    return [SYNONYMS.get(name, name) for name in names if name]


def unlike_views(view: object, known: Collection[str]) -> list[str]:
    """Those views that are none of the known ones; FRONTAL is either of PA and AP.

    Args:
        view: As in :func:`plain_views`.
        known: Written as :func:`plain_views` does.
    """
    return [name for name in plain_views(view) if not _is_known(name, known)]


def _is_known(view: str, known: Collection[str]) -> bool:
    if view == "FRONTAL":
        return not FRONTAL.isdisjoint(known)
    return view in known or (view in FRONTAL and "FRONTAL" in known)
