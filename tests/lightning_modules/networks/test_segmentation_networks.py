from math import prod

import pytest
import torch
from monai.networks.nets.segresnet import SegResNet
from monai.networks.nets.vnet import VNet
from pydantic import TypeAdapter, ValidationError

from datamodules.data_info import LabelSet, SegmentationInfo
from datamodules.errors import ConfigError
from lightning_modules.configs.segmentation_networks import SegmenterNetwork
from lightning_modules.networks.segmentation_networks import build_segmentation_network

SETTINGS = TypeAdapter(SegmenterNetwork)
SMALL = {
    "unet": {"base_features": 4, "max_features": 8},
    "segresnet": {"filters": 8, "blocks": (1, 1)},
    "vnet": {},
    "swin-unetr": {"features": 12, "depths": (1, 1, 1, 1), "window": 2},
    "dual-scale": {"features": (4, 6), "hidden": 8, "dropout": 0.0},
}
PATCHES = {"unet": (8, 24), "segresnet": (6, 10), "vnet": (16, 48), "swin-unetr": (32, 64)}


def information(patch, spacing=None, channels=2, exclusive=True):
    labels = LabelSet(("a", "b"), exclusive=exclusive)
    return SegmentationInfo(labels, channels, patch, spacing or (1.0,) * len(patch))


def build(kind, patch, spacing=None, **settings):
    config = SETTINGS.validate_python({"kind": kind, **SMALL[kind], **settings})
    torch.manual_seed(0)
    return build_segmentation_network(config, information(patch, spacing))


def patch_of(kind, dimensions):
    patch = PATCHES.get(kind, (9, 15))
    return patch if dimensions == 2 else (*patch, patch[0])


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("kind", SMALL)
def test_logits_have_the_size_of_the_patch(kind, dimensions):
    patch = patch_of(kind, dimensions)
    network = build(kind, patch).eval()
    with torch.no_grad():
        assert network(torch.randn(1, 2, *patch)).shape == (1, 3, *patch)
    assert not any(side % step for side, step in zip(patch, network.divisor, strict=True))


@pytest.mark.parametrize("kind", SMALL)
def test_every_parameter_learns(kind):
    patch = patch_of(kind, 2)
    network = build(kind, patch).train()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    found = network.supervised(torch.randn(3, 2, *patch))
    sum((each * torch.randn_like(each)).sum() for each in found).backward()
    assert [n for n, p in network.named_parameters() if not p.grad.abs().max() > 1e-5] == []


@pytest.mark.parametrize("kind", SMALL)
def test_checkpointing_changes_neither_gradients_nor_statistics(kind):
    patch, found = patch_of(kind, 2), []
    images = torch.randn(2, 2, *patch)
    for checkpointing in (False, True):
        network = build(kind, patch, checkpointing=checkpointing).train()
        torch.manual_seed(1)
        sum(each.square().mean() for each in network.supervised(images)).backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        found.append([*gradients, *network.buffers()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("kind", ["segresnet", "vnet", "dual-scale"])
def test_checkpointing_keeps_fewer_activations(kind):
    patch, kept = patch_of(kind, 2), []
    for checkpointing in (False, True):
        network, sizes = build(kind, patch, checkpointing=checkpointing).train(), []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda saved, sizes=sizes: sizes.append(saved.numel()) or saved, lambda saved: saved
        ):
            network(torch.randn(1, 2, *patch))
        parameters = sum(parameter.numel() for parameter in network.parameters())
        kept.append(sum(sizes) - parameters)
    assert kept[1] < kept[0]


def test_overlapping_structures_have_a_logit_each_and_no_background():
    config = SETTINGS.validate_python({"kind": "unet", **SMALL["unet"]})
    network = build_segmentation_network(config, information((8, 8), exclusive=False))
    assert network(torch.randn(1, 2, 8, 8)).shape[1] == 2


def test_segresnet_is_monais():
    network = build("segresnet", (8, 8), blocks=(1, 2, 2)).eval()
    images = torch.randn(1, 2, 8, 8)
    assert torch.equal(network(images), SegResNet.forward(network.layers, images))


def test_loud_channel_of_a_segresnet_silences_no_other():
    layers = build("segresnet", (8, 8), filters=16).layers
    norms = [
        layers.conv_final[0],
        *(each for name, each in layers.named_modules() if ".norm" in name),
    ]
    assert len(norms) == 1 + 2 * 3
    for norm in norms:
        maps = torch.randn(1, len(norm.weight), 4, 4)
        loud = maps + 100 * (torch.arange(len(norm.weight)) == 0)[:, None, None]
        torch.testing.assert_close(norm(loud)[:, 1:], norm(maps)[:, 1:])


def test_vnet_is_monais():
    network, images = build("vnet", (16, 32)).eval(), torch.randn(1, 2, 16, 32)
    assert torch.equal(network(images), VNet.forward(network.layers, images))


def test_dropout_of_a_flat_vnet_leaves_out_channels_and_no_whole_image():
    dropout = build("vnet", (16, 32)).layers.up_tr256.dropout.train()
    kept = dropout(torch.ones(4, 64, 2, 2)).flatten(2).amax(2) > 0
    assert kept.any(1).all()
    assert not kept.all(1).any()


def test_second_stream_sees_beyond_the_first():
    network = build("dual-scale", (27, 27)).eval()
    images = torch.zeros(1, 2, 27, 27, requires_grad=True)
    fine = torch.nn.Sequential(*(block[0] for block in network.fine))(images)
    seen = torch.autograd.grad(fine[0, :, 13, 13].sum(), images)[0].abs().sum(1)[0] > 0
    coarse = torch.nn.Sequential(*(block[0] for block in network.coarse))(network._reduce(images))
    further = torch.autograd.grad(coarse[0, :, 4, 4].sum(), images)[0].abs().sum(1)[0] > 0
    assert seen.sum() == 5**2
    assert further.sum() == 15**2


def test_thick_slices_are_not_reduced_by_the_second_stream():
    assert build("dual-scale", (4, 12, 12), (3.0, 1.0, 1.0)).divisor == (1, 3, 3)


def test_2d_patch_on_volumes_is_planned_from_the_spacing_within_slices():
    info = information((32, 64), (1.0, 1.0, 5.0))
    assert info.slice_axis == 2
    network = build("unet", (32, 64), (5.0, 2.0, 0.5))
    assert network.up[-1].enlarge.stride == (1, 2)


@pytest.mark.parametrize(
    ("kind", "patch", "message"),
    [
        ("unet", (41, 56), r"41 x 56 does not fit.*multiples of 8 x 8.* 48 x 56"),
        ("vnet", (40, 48), r"multiples of 16 x 16.*48 x 48"),
        ("swin-unetr", (32, 32), "32 x 32 is reduced to a single voxel"),
        ("dual-scale", (32, 33), "multiples of 3 x 3"),
    ],
)
def test_patch_that_does_not_fit_names_the_next_that_does(kind, patch, message):
    with pytest.raises(ConfigError, match=message):
        build(kind, patch)


@pytest.mark.parametrize(("patch", "spacing"), [((8, 8, 8), (1.0, 1.0)), ((8,), (1.0,))])
def test_patch_with_other_axes_than_the_images_is_refused(patch, spacing):
    with pytest.raises(ConfigError, match=r"data\.patch.*axes, but the images have"):
        build("unet", patch, spacing)


def test_vnet_of_three_channels_is_refused():
    config = SETTINGS.validate_python({"kind": "vnet"})
    with pytest.raises(ConfigError, match="3 channels"):
        build_segmentation_network(config, information((32, 32), channels=3))


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("unet", "base_features", 0),
        ("unet", "blocks", [0, 1]),
        ("unet", "strides", [[1, 1], [2]]),
        ("unet", "bottleneck_dropout", 1.0),
        ("segresnet", "filters", 12),
        ("swin-unetr", "features", 20),
        ("dual-scale", "reduction", 1),
        ("vnet", "dropout", -0.1),
    ],
)
def test_value_out_of_bounds_is_refused(kind, field, value):
    with pytest.raises(ValidationError):
        SETTINGS.validate_python({"kind": kind, field: value})


@pytest.mark.parametrize("kind", SMALL)
def test_every_setting_is_explained(kind):
    settings = type(SETTINGS.validate_python({"kind": kind}))
    fields = [field for field in settings.model_fields if field != "kind"]
    assert [field for field in fields if not settings.explanation(field)] == []


def test_strides_survive_yaml_and_back():
    config = SETTINGS.validate_python({"kind": "unet", "strides": [[1, 1, 1], [1, 2, 2]]})
    assert SETTINGS.validate_python(config.model_dump(mode="json")) == config
    assert prod(config.strides[1]) == 4
