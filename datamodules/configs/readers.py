"""Every reader that an experiment can name, chosen by ``kind``."""

from typing import Annotated

from pydantic import Field

from datamodules.readers.acdc import AcdcReader
from datamodules.readers.boxes_csv import BoxesCsvReader
from datamodules.readers.brats import BratsReader
from datamodules.readers.camelyon16 import Camelyon16Reader
from datamodules.readers.cephalometric import CephalometricReader
from datamodules.readers.chase_db1 import ChaseDb1Reader
from datamodules.readers.chexpert import ChexpertReader
from datamodules.readers.coco import CocoReader
from datamodules.readers.csv_table import CsvReader
from datamodules.readers.demo import DemoReader
from datamodules.readers.demo_survival import DemoSurvivalReader
from datamodules.readers.drive import DriveReader
from datamodules.readers.folder import FolderReader
from datamodules.readers.image_mask_folders import ImageMaskFoldersReader
from datamodules.readers.isic import IsicReader
from datamodules.readers.jsrt import JsrtReader
from datamodules.readers.lits import LitsReader
from datamodules.readers.luna16 import Luna16Reader
from datamodules.readers.markups import MarkupsReader
from datamodules.readers.medmnist import MedMnistReader
from datamodules.readers.mil_mat import MilMatReader
from datamodules.readers.mimic_cxr import MimicCxrReader
from datamodules.readers.msd import MsdReader
from datamodules.readers.nih_chestxray14 import NihChestXray14Reader
from datamodules.readers.nnunet_raw import NnUnetRawReader
from datamodules.readers.padchest import PadChestReader
from datamodules.readers.points_csv import PointsCsvReader
from datamodules.readers.rsna_pneumonia import RsnaPneumoniaReader
from datamodules.readers.siim_acr import SiimAcrReader
from datamodules.readers.slides_csv import SlidesCsvReader
from datamodules.readers.tcga_slides import TcgaReader
from datamodules.readers.tile_features import FeaturesReader
from datamodules.readers.voc import VocReader
from datamodules.readers.yolo import YoloReader

Reader = Annotated[
    CsvReader
    | FolderReader
    | NihChestXray14Reader
    | ChexpertReader
    | MimicCxrReader
    | PadChestReader
    | RsnaPneumoniaReader
    | MedMnistReader
    | ImageMaskFoldersReader
    | MsdReader
    | NnUnetRawReader
    | AcdcReader
    | BratsReader
    | LitsReader
    | DriveReader
    | ChaseDb1Reader
    | IsicReader
    | JsrtReader
    | SiimAcrReader
    | BoxesCsvReader
    | CocoReader
    | VocReader
    | YoloReader
    | Luna16Reader
    | PointsCsvReader
    | CephalometricReader
    | MarkupsReader
    | SlidesCsvReader
    | Camelyon16Reader
    | TcgaReader
    | FeaturesReader
    | MilMatReader
    | DemoReader
    | DemoSurvivalReader,
    Field(discriminator="kind"),
]
