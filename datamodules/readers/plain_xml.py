"""XML files of datasets, read without what XML can be misused for."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from datamodules.cases import resolve
from datamodules.errors import DataError


class _PlainTree(ElementTree.TreeBuilder):
    """Refuses a document type: it could define entities that grow without bounds."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise DataError(f"it declares a document type ({name}), which is not read; remove that")


def read_xml(root: Path, relative: str) -> ElementTree.Element:
    """Read an XML file.

    Raises:
        DataError: If it is damaged, or declares a document type.
    """
    parser = ElementTree.XMLParser(target=_PlainTree())
    try:
        parser.feed(resolve(root, relative).read_bytes())
        found = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"it is no well-formed XML: {error}; fetch or copy it again") from error
    if not isinstance(found, ElementTree.Element):
        raise DataError("it is no well-formed XML; fetch or copy it again")
    return found


def texts_of(element: ElementTree.Element, names: tuple[str, ...]) -> Mapping[str, str]:
    """Texts of some children; empty where there is none."""
    return {name: (element.findtext(name) or "").strip() for name in names}
