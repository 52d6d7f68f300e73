"""The six 3D datasets of MedMNIST v2; see ``medmnist_files``."""

from datamodules.readers.medmnist_dataset import MedMnist


def _md5(*sums: str) -> dict[int, str]:
    return dict(zip((28, 64), sums, strict=True))


MEDMNIST_3D: dict[str, MedMnist] = {
    "organmnist3d": MedMnist(
        (
            "liver",
            "kidney-right",
            "kidney-left",
            "femur-right",
            "femur-left",
            "bladder",
            "heart",
            "lung-right",
            "lung-left",
            "spleen",
            "pancreas",
        ),
        _md5("a0c5a1ff56af4f155c46d46fbb45a2fe", "58a2205adf14a9d0a189cb06dc78bf10"),
        axes=3,
        origin="1,742 organs in 201 CT scans",
    ),
    "nodulemnist3d": MedMnist(
        ("benign", "malignant"),
        _md5("8755a7e9e05a4d9ce80a24c3e7a256f3", "c47c5b7d457bf6332200d2ea6d64ecd8"),
        axes=3,
    ),
    "adrenalmnist3d": MedMnist(
        ("normal", "hyperplasia"),
        _md5("bbd3c5a5576322bc4cdfea780653b1ce", "17721accfe9fb005146a47d33bc54b2f"),
        axes=3,
        origin="1,584 glands of 792 patients",
    ),
    "fracturemnist3d": MedMnist(
        ("buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture"),
        _md5("6aa7b0143a6b42da40027a9dda61302f", "f01d7e6316aedf4210da0da5b7437b42"),
        axes=3,
        origin="fractures from 660 CT scans",
    ),
    "vesselmnist3d": MedMnist(
        ("vessel", "aneurysm"),
        _md5("b41fd4f7e7e2feedddb201585ecafa1b", "6bb274a8846e1097066dcd64e2c4520f"),
        axes=3,
        origin="vessel segments from 103 brains",
    ),
    "synapsemnist3d": MedMnist(
        ("inhibitory synapse", "excitatory synapse"),
        _md5("1235b78a3cd6280881dd7850a78eadb6", "43bd14ebf3af9d3dd072446fedc14d5e"),
        axes=3,
    ),
}
