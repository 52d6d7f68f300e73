import pytest
import torch

from datamodules.data_info import DataInfo, LabelSet
from datamodules.table_features import TableColumn
from lightning_modules.configs.xray_networks import TimmNetworkConfig
from lightning_modules.networks.pooling import mean_of_cases
from lightning_modules.networks.timm_classifier import TimmClassifier


def build(*table):
    labels = LabelSet(("a",), exclusive=False)
    config = TimmNetworkConfig(encoder="resnet10t", pretrained=False)
    return TimmClassifier(config, DataInfo(labels, (1,), (1,), 1, (64, 64), table)).eval()


def test_views_of_an_exam_are_averaged():
    values = torch.tensor([[1.0], [3.0], [10.0]])
    assert mean_of_cases(values, torch.tensor([0, 0, 1]), 2).tolist() == [[2.0], [10.0]]


def test_an_exam_of_one_view_is_that_image():
    network, images = build(), torch.randn(2, 1, 64, 64)
    alone = network(images)
    as_exams = network(images, case_of=torch.tensor([0, 1]))
    assert torch.allclose(alone.logits, as_exams.logits)


def test_the_table_changes_the_decision():
    network, images = build(TableColumn("age")), torch.randn(2, 1, 64, 64)
    young, old = (network(images, table=torch.full((2, 2), age)).logits for age in (-1.0, 1.0))
    assert not torch.allclose(young, old)
    assert network.table_head[0].in_features == 2


def test_a_table_that_is_forgotten_is_an_error():
    with pytest.raises(ValueError, match="built for a table"):
        build(TableColumn("age"))(torch.randn(2, 1, 64, 64))


def test_without_a_table_nothing_is_added():
    assert build().table_head is None
