"""The labels of PadChest: how a cell is read, and which of its words make up a finding."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from datamodules.readers.tables import is_missing

Findings = dict[str, float | None]

FINDINGS: Mapping[str, tuple[str, ...]] = {
    "Atelectasis": (
        *("atelectasis", "total atelectasis", "lobar atelectasis", "segmental atelectasis"),
        *("laminar atelectasis", "round atelectasis", "atelectasis basal"),
    ),
    "Cardiomegaly": ("cardiomegaly",),
    "Effusion": (
        *("pleural effusion", "loculated pleural effusion", "loculated fissural effusion"),
        *("hydropneumothorax", "empyema", "hemothorax"),
    ),
    "Infiltration": (
        *("infiltrates", "interstitial pattern", "ground glass pattern"),
        *("reticular interstitial pattern", "reticulonodular interstitial pattern"),
        *("miliary opacities", "alveolar pattern", "consolidation", "air bronchogram"),
    ),
    "Mass": (
        *("mass", "mediastinal mass", "breast mass", "pleural mass", "pulmonary mass"),
        "soft tissue mass",
    ),
    "Nodule": ("nodule", "multiple nodules"),
    "Pneumonia": ("pneumonia", "atypical pneumonia"),
    "Pneumothorax": ("pneumothorax", "hydropneumothorax"),
    "Consolidation": ("consolidation", "air bronchogram"),
    "Edema": ("pulmonary edema",),
    "Emphysema": ("emphysema",),
    "Fibrosis": ("pulmonary fibrosis", "post radiotherapy changes", "asbestosis signs"),
    "Pleural_Thickening": (
        *("pleural thickening", "apical pleural thickening", "calcified pleural thickening"),
    ),
    "Hernia": ("hiatal hernia",),
    "Fracture": (
        *("fracture", "clavicle fracture", "humeral fracture", "vertebral fracture"),
        *("rib fracture", "callus rib fracture"),
    ),
    "Granuloma": ("granuloma", "calcified granuloma"),
    "Flattened Diaphragm": ("flattened diaphragm",),
    "Bronchiectasis": ("bronchiectasis",),
    "Aortic Elongation": (
        *("aortic elongation", "descendent aortic elongation", "ascendent aortic elongation"),
        *("aortic button enlargement", "supra aortic elongation"),
    ),
    "Aortic Atheromatosis": ("aortic atheromatosis",),
    "Scoliosis": ("scoliosis",),
    "Hilar Enlargement": (
        *("hilar enlargement", "adenopathy", "vascular hilar enlargement"),
        "pulmonary artery enlargement",
    ),
    "Hemidiaphragm Elevation": ("hemidiaphragm elevation",),
    "Tuberculosis": ("tuberculosis", "tuberculosis sequelae"),
    "Air Trapping": ("air trapping",),
    "Costophrenic Angle Blunting": ("costophrenic angle blunting",),
}
"""A finding holds if one of its words is among the labels: the word itself, and all below it in
the hierarchy that the authors published. The first fourteen are named as in NIH ChestX-ray14."""

OTHER_WORDS = """
abnormal foreign body, abscess, air fluid level, aortic aneurysm, aortic endoprosthesis,
artificial aortic heart valve, artificial heart valve, artificial mitral heart valve,
axial hyperostosis, azygoesophageal recess shift, azygos lobe, blastic bone lesion, bone cement,
bone metastasis, bronchovascular markings, bullas, calcified adenopathy, calcified densities,
calcified fibroadenoma, calcified mediastinal adenopathy, calcified pleural plaques, catheter,
cavitation, central vascular redistribution, central venous catheter,
central venous catheter via jugular vein, central venous catheter via subclavian vein,
central venous catheter via umbilical vein, cervical rib, chest drain tube, Chilaiditi sign,
chronic changes, COPD signs, costochondral junction hypertrophy, cyst, dai, dextrocardia,
diaphragmatic eventration, double J stent, dual chamber device, electrical device, end on vessel,
endoprosthesis, endotracheal tube, esophagic dilatation, exclude, external foreign body,
fibrotic band, fissure thickening, gastrostomy tube, goiter, gynecomastia, heart insufficiency,
heart valve calcified, hilar congestion, humeral prosthesis, hyperinflated lung, hypoexpansion,
hypoexpansion basal, increased density, kerley lines, kyphosis, lepidic adenocarcinoma, lipomatosis,
lung metastasis, lung vascular paucity, lymphangitis carcinomatosa, lytic bone lesion,
major fissure thickening, mammary prosthesis, mastectomy, mediastinal enlargement,
mediastinal shift, mediastinic lipomatosis, metal, minor fissure thickening, nephrostomy tube,
nipple shadow, non axial articular degenerative changes, normal, NSG tube, obesity, osteopenia,
osteoporosis, osteosynthesis material, pacemaker, pectum carinatum, pectum excavatum,
pericardial effusion, pleural plaques, pneumomediastinum, pneumoperitoneo, prosthesis, pseudonodule,
pulmonary artery hypertension, pulmonary hypertension, pulmonary venous hypertension,
reservoir central venous catheter, respiratory distress, right sided aortic arch,
sclerotic bone lesion, single chamber device, sternoclavicular junction hypertrophy, sternotomy,
subacromial space narrowing, subcutaneous emphysema, suboptimal study,
superior mediastinal enlargement, surgery, surgery breast, surgery heart, surgery humeral,
surgery lung, surgery neck, suture material, thoracic cage deformation, tracheal shift,
tracheostomy tube, unchanged, vascular redistribution, ventriculoperitoneal drain tube,
vertebral anterior compression, vertebral compression, vertebral degenerative changes, volume loss
"""

UNUSABLE = ("exclude", "suboptimal study")
STRANGE_SHOWN = 5
_SAY_NOTHING = frozenset(("unchanged",))

_ITEM = r"""\s*(?:'([^']*)'|"([^"]*)")\s*"""
_LIST = re.compile(rf"\[(?:\s*|{_ITEM}(?:,{_ITEM})*)\]")
_ITEMS = re.compile(_ITEM)


def plain_word(word: str) -> str:
    """A label without stray blanks and in lower case, as it is compared."""
    return " ".join(word.split()).casefold()


WORDS = frozenset(
    [plain_word(word) for word in OTHER_WORDS.split(",")]
    + [word for words in FINDINGS.values() for word in words]
)


def parse_labels(cell: str) -> frozenset[str] | None:
    """Read ``['cardiomegaly', ' pleural effusion']``, or a blank; None if it is neither."""
    if is_missing(cell):
        return frozenset()
    if not _LIST.fullmatch(cell):
        return None
    words = (plain_word(one or other) for one, other in _ITEMS.findall(cell))
    return frozenset(word for word in words if word)


def read_findings(
    rows: Sequence[frozenset[str]], names: Sequence[str], notices: list[str]
) -> list[Findings]:
    """Whether each finding holds in each image; None (not known) where its labels say nothing.

    Args:
        rows: Labels of each image. ``unchanged`` alone refers to an earlier film: it says nothing.
        names: Findings, or labels of PadChest's own, which are findings by themselves.
        notices: Receives how many images have findings that are not known, and labels that are not
            in PadChest's list.

    Returns:
        Finding -> 1.0, 0.0 or None; images with the same labels share one mapping.
    """
    wanted = {name: frozenset(FINDINGS.get(name, (plain_word(name),))) for name in names}
    counts = Counter(rows)
    if unknown := sum(n for labels, n in counts.items() if labels <= _SAY_NOTHING):
        notices.append(
            "Images without labels, or with 'unchanged' alone, whose findings are not known: "
            f"{unknown}."
        )
    strange: Counter[str] = Counter()
    for labels, n in counts.items():
        strange.update(dict.fromkeys(labels - WORDS, n))
    if strange:
        listed = ", ".join(f"'{word}' {n}" for word, n in strange.most_common(STRANGE_SHOWN))
        notices.append(f"Labels that are not in PadChest's list, not used: {listed}.")
    findings = {labels: _findings_of(labels, wanted) for labels in counts}
    return [findings[labels] for labels in rows]


def _findings_of(labels: frozenset[str], wanted: Mapping[str, frozenset[str]]) -> Findings:
    if labels <= _SAY_NOTHING:
        return dict.fromkeys(wanted)
    return {name: float(not words.isdisjoint(labels)) for name, words in wanted.items()}
