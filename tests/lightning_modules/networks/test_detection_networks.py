import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from datamodules.data_info import DetectionInfo
from datamodules.errors import ConfigError
from lightning_modules.box_tensors import pairwise_iou
from lightning_modules.configs.detection_networks import DetectorNetwork
from lightning_modules.networks.detection_networks import build_detection_network, check_network

SETTINGS = TypeAdapter(DetectorNetwork)
SMALL = {
    "grid": {"base_features": 8, "pyramid_features": 16},
    "retinanet": {"base_features": 8, "pyramid_features": 16},
    "faster-rcnn": {"encoder": "light", "base_features": 8, "pyramid_features": 16, "hidden": 32},
    "single-box": {"base_features": 8},
}
CASES = [(kind, 2) for kind in SMALL] + [("grid", 3), ("retinanet", 3), ("single-box", 3)]
SIDE = {2: 64, 3: 32}


def build(kind, axes=2, classes=("a", "b"), channels=1, sizes=None, **settings):
    config = SETTINGS.validate_python({"kind": kind, **SMALL[kind], **settings})
    torch.manual_seed(0)
    patch = (SIDE[axes],) * axes
    sizes = tuple(((14.0,) * axes, (10.0,) * axes) if sizes is None else sizes)
    info = DetectionInfo(classes, channels, patch, (1.0,) * axes, box_sizes=sizes)
    return build_detection_network(config, info)


def drawn(axes, *objects):
    """An image, with a bright cube for class 0 and a dark one for class 1."""
    image = torch.zeros(1, *(SIDE[axes],) * axes)
    boxes, labels = [], []
    for label, place, side in objects:
        corner = [place + axis * 3 for axis in range(axes)]
        image[(0, *(slice(at, at + side) for at in corner))] = 1 - 2 * label
        boxes.append([*corner, *(at + side for at in corner)])
        labels.append(label)
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 2 * axes)
    return image, boxes, torch.tensor(labels, dtype=torch.int64)


def batch(axes, *images):
    images, boxes, labels = zip(*(drawn(axes, *each) for each in images), strict=True)
    return torch.stack(images), list(boxes), list(labels)


def two_images(axes):
    far = SIDE[axes] - 16 - 3 * (axes - 1)
    return batch(axes, [(0, 2, 12)], [(1, far - 2, 16)])


@pytest.mark.parametrize(("kind", "axes"), CASES)
def test_two_images_are_learned_by_heart(kind, axes):
    network = build(kind, axes).train()
    images, boxes, labels = two_images(axes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    for _ in range(80):
        optimizer.zero_grad()
        network.losses(images, boxes, labels)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimizer.step()
    with torch.no_grad():
        candidates = network.eval().candidates(images)
    for found, truth, label in zip(candidates, boxes, labels, strict=True):
        best = int((found.labels == label).nonzero()[0])
        assert pairwise_iou(found.boxes[best : best + 1], truth).item() > 0.7
        assert network.single or best == 0
        assert network.single or found.scores[0] > 0.5


@pytest.mark.parametrize(("kind", "axes"), CASES)
def test_every_parameter_learns(kind, axes):
    all_anchors = {"classification": "focal"} if kind == "retinanet" else {}
    network = build(kind, axes, **all_anchors).train()
    network.losses(*two_images(axes))["loss"].backward()
    still = [name for name, each in network.named_parameters() if not each.grad.abs().max() > 0]
    assert still == []


@pytest.mark.parametrize(("kind", "axes"), CASES)
def test_images_without_objects_leave_every_parameter_a_finite_gradient(kind, axes):
    network = build(kind, axes).train()
    losses = network.losses(*batch(axes, [], []))
    losses["loss"].backward()
    assert losses["loss"].isfinite()
    assert all(each.grad.isfinite().all() for each in network.parameters())


@pytest.mark.parametrize(("kind", "axes"), CASES)
def test_candidates_lie_in_the_image_and_are_ordered(kind, axes):
    network = build(kind, axes).eval()
    image = torch.randn(1, 1, *(SIDE[axes], 2 * SIDE[axes], SIDE[axes])[:axes])
    with torch.no_grad():
        found = network.candidates(image)[0]
    low, high = found.boxes.chunk(2, dim=1)
    assert len(found.boxes) > 0
    assert len(found.boxes) <= 300
    assert (high > low).all()
    assert low.min() >= 0
    assert (high <= torch.tensor(image.shape[2:])).all()
    assert (found.scores.diff() <= 0).all()
    assert (found.scores > 0.001).all()
    assert found.boxes.dtype == found.scores.dtype == torch.float32
    assert found.labels.dtype == torch.int64


@pytest.mark.parametrize("kind", SMALL)
def test_loss_is_the_sum_of_its_parts(kind):
    losses = build(kind).train().losses(*two_images(2))
    parts = [value for name, value in losses.items() if name != "loss"]
    assert not parts or torch.allclose(losses["loss"], torch.stack(parts).sum())


@pytest.mark.parametrize("kind", SMALL)
def test_same_seed_gives_the_same_gradients(kind):
    gradients = []
    for _ in range(2):
        network = build(kind).train()
        network.losses(*two_images(2))["loss"].backward()
        gradients.append([each.grad for each in network.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


@pytest.mark.parametrize(("kind", "axes"), CASES)
def test_object_that_is_ignored_is_neither_object_nor_background(kind, axes):
    network = build(kind, axes).train()
    images, _, _ = two_images(axes)
    whole = torch.tensor([[0.0] * axes + [float(SIDE[axes])] * axes] * 2)[:, None]
    ignored = [torch.tensor([-1])] * 2
    found = network.losses(images, list(whole), ignored)["loss"]
    nothing = [torch.zeros(0, 2 * axes)] * 2
    background = network.losses(images, nothing, [torch.zeros(0, dtype=torch.int64)] * 2)["loss"]
    assert found.item() == 0
    assert network.single or background.item() > 0


@pytest.mark.parametrize(("kind", "axes"), CASES)
def test_checkpoint_fits_a_network_that_is_built_anew(kind, axes):
    first = build(kind, axes, sizes=[(30.0,) * axes, (20.0,) * axes])
    again = build(kind, axes, sizes=[(31.0,) * axes, (21.0,) * axes])
    again.load_state_dict(first.state_dict())
    image = torch.randn(1, 1, *(SIDE[axes],) * axes)
    with torch.no_grad():
        pair = [network.eval().candidates(image)[0] for network in (first, again)]
    assert all(torch.equal(*each) for each in zip(*pair, strict=True))


@pytest.mark.parametrize("settings", [{"classification": "focal"}, {"box_loss": "giou"}])
def test_other_losses_of_retinanet_learn_too(settings):
    network = build("retinanet", **settings).train()
    images = two_images(2)
    before = network.losses(*images)["loss"].item()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for _ in range(20):
        optimizer.zero_grad()
        network.losses(*images)["loss"].backward()
        optimizer.step()
    assert network.losses(*images)["loss"].item() < before / 2


@pytest.mark.parametrize("loss", ["l1", "mse", "giou"])
def test_single_box_of_a_class_that_is_not_there_contributes_nothing(loss):
    network = build("single-box", box_loss=loss).eval()
    images, boxes, labels = two_images(2)
    both = network.losses(images, boxes, labels)["loss"]
    each = [
        network.losses(images[at : at + 1], boxes[at : at + 1], labels[at : at + 1])["loss"]
        for at in range(2)
    ]
    torch.testing.assert_close(both, torch.stack(each).mean())


def test_single_boxes_are_one_a_class_with_score_one():
    found = build("single-box").eval().candidates(torch.randn(1, 1, 64, 64))[0]
    assert found.labels.tolist() == [0, 1]
    assert found.scores.tolist() == [1, 1]


@pytest.mark.parametrize("kind", ["grid", "retinanet", "faster-rcnn"])
def test_small_objects_get_finer_maps(kind):
    assert build(kind, sizes=[(5.0, 5.0)] * 9).divisor == 8
    assert build(kind, sizes=[(40.0, 40.0)] * 9).divisor == 32
    assert build(kind, sizes=[(40.0, 40.0)] * 9, finest_stride=4, levels=2).divisor == 8


def test_anchors_follow_the_boxes():
    network = build("retinanet", sizes=[(32.0, 32.0)] * 9, anchors=1)
    assert network.anchors[0].tolist() == [[32, 32]]


def test_two_stages_are_for_images_only():
    with pytest.raises(ConfigError, match=r"2D patches.*retinanet or grid"):
        build("faster-rcnn", 3)


def test_light_encoder_has_no_weights():
    with pytest.raises(ConfigError, match="no weights for the light encoder"):
        build("grid", pretrained=True)


def test_published_weights_are_of_images():
    with pytest.raises(ConfigError, match="MedicalNet"):
        build("retinanet", 3, encoder="resnet18", pretrained=True)


@pytest.mark.parametrize("field", ["weights", "coco_weights"])
def test_file_of_weights_that_is_not_there_is_named_before_anything_is_built(field):
    config = SETTINGS.validate_python(
        {"kind": "faster-rcnn", "encoder": "resnet50", field: "/nowhere/x.pth"}
    )
    with pytest.raises(ConfigError, match=r"weights: there is no file /nowhere/x\.pth"):
        check_network(config, (64, 64))
    check_network(config, (64, 64), load_weights=False)


def test_map_that_a_resnet_does_not_have_is_refused():
    with pytest.raises(ConfigError, match=r"reduces 32 times.*fewer"):
        build("grid", encoder="resnet18", levels=4, finest_stride=8)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("grid", "levels", 0),
        ("grid", "finest_stride", 3),
        ("grid", "pyramid_features", 12),
        ("retinanet", "anchors", 0),
        ("retinanet", "pool", 0.5),
        ("faster-rcnn", "encoder", "resnet19"),
        ("single-box", "reduction", 4),
        ("single-box", "box_loss", "smooth-l1"),
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
