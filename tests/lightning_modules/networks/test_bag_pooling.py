import pytest
import torch

from lightning_modules.networks.bag_pooling import (
    AttentionPooling,
    MaxPooling,
    MeanPooling,
    TransformerPooling,
)

TILES = torch.randn(7, 8, generator=torch.Generator().manual_seed(0))
BAG_OF = torch.tensor([0, 0, 0, 1, 1, 1, 1])


def poolings():
    torch.manual_seed(0)
    return {
        "mean": MeanPooling(8),
        "max": MaxPooling(8),
        "attention": AttentionPooling(8, 16, gated=False),
        "gated": AttentionPooling(8, 16),
        "heads": AttentionPooling(8, 16, heads=3),
        "transformer": TransformerPooling(8, 2, 2, 4, 0.0).eval(),
    }


@pytest.mark.parametrize("name", poolings())
def test_a_bag_is_pooled_as_if_it_were_alone(name):
    pooling = poolings()[name]
    together = pooling(TILES, BAG_OF, 2).vectors
    alone = [pooling(TILES[n == BAG_OF], torch.zeros(count, dtype=int), 1).vectors
             for n, count in ((0, 3), (1, 4))]  # fmt: skip
    torch.testing.assert_close(together, torch.cat(alone))
    assert together.shape == (2, pooling.width)


@pytest.mark.parametrize("name", poolings())
def test_the_order_of_tiles_does_not_matter(name):
    pooling = poolings()[name]
    turned = torch.cat([TILES[:3].flip(0), TILES[3:].flip(0)])
    torch.testing.assert_close(
        pooling(turned, BAG_OF, 2).vectors, pooling(TILES, BAG_OF, 2).vectors
    )


@pytest.mark.parametrize("name", ["attention", "gated", "heads", "transformer"])
def test_weights_of_a_bag_add_up_to_one(name):
    weights = poolings()[name](TILES, BAG_OF, 2).weights
    torch.testing.assert_close(weights[:3].sum(), torch.tensor(1.0))
    torch.testing.assert_close(weights[3:].sum(), torch.tensor(1.0))


def test_attention_equals_the_formula_of_ilse():
    pooling = poolings()["gated"]
    head, bag = pooling.heads[0], TILES[:3]
    scores = head.weight(torch.tanh(head.content(bag)) * torch.sigmoid(head.gate(bag)))[:, 0]
    expected = torch.softmax(scores, 0) @ bag
    torch.testing.assert_close(pooling(TILES, BAG_OF, 2).vectors[0], expected)


def test_a_look_equals_the_attention_of_torch():
    look = poolings()["transformer"].pool
    queries, others = TILES[:2], TILES[2:]
    ours = torch.nn.MultiheadAttention(8, 2, batch_first=True).eval()
    parts = (look.query, look.key, look.value)
    with torch.no_grad():
        ours.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        ours.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        ours.out_proj.load_state_dict(look.out.state_dict())
        seen = look.of_others(others)
        found, weights = ours(look.of_query(queries), seen, seen)
        expected = queries + found
        expected = expected + look.perceptron(expected)
        torch.testing.assert_close(look(queries, others), expected)
        torch.testing.assert_close(look.weights(queries, others), weights)


def test_a_hundred_thousand_tiles_are_pooled_alike_with_and_without_gradients():
    pooling = poolings()["transformer"]
    many = torch.randn(20_000, 8)
    bag = torch.zeros(len(many), dtype=int)
    with torch.no_grad():
        found = pooling(many, bag, 1).vectors
    torch.testing.assert_close(found, pooling(many, bag, 1).vectors.detach())
