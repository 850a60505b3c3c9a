"""What a stored model may hold, and what becomes of one whose numbers overflow."""

import contextlib
import json

import numpy as np
import pytest

from nasbench_suite import registry
from nasbench_suite.core import DamagedInput, InvalidSetting
from nasbench_suite.surrogates.base import Diverged
from nasbench_suite.surrogates.embedding_gp import EmbeddingGp
from nasbench_suite.surrogates.mlp_ensemble import MlpEnsemble
from nasbench_suite.testing.made_up import landscape

SPACE = registry.load("spaces", "nasbench201")
FAMILIES = {
    "mlp": (MlpEnsemble, {}),
    "perceptron": (EmbeddingGp, {}),
    "lstm": (EmbeddingGp, {"encoder": "lstm", "width": 4, "layers": 2}),
}


def drawn(count, seed):
    rng = np.random.default_rng(seed)
    return [SPACE.sample(rng) for _ in range(count)]


def fitted(kind, settings):
    archs = drawn(30, 0)
    y = [landscape(arch) for arch in archs]
    return kind(SPACE, **settings).fit(archs, y, np.random.default_rng(0))


@pytest.fixture(params=FAMILIES)
def family(request):
    return FAMILIES[request.param]


def spoil(family, folder, **changed):
    """Save a model of which some arrays are others, and load it."""
    kind, settings = family
    path = fitted(kind, settings).save(folder)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(path, **{**arrays, **changed})
    return kind.load(folder, SPACE)


@pytest.mark.parametrize("scale", [[0.0, -1.0], [0.0, 0.0], [0.0], [0.0, 1.0, 2.0], 1.0])
@pytest.mark.parametrize("name", ["perceptron", "lstm"])
def test_a_scale_is_a_centre_and_a_positive_spread(name, tmp_path, scale):
    with pytest.raises(DamagedInput, match="scale"):
        spoil(FAMILIES[name], tmp_path, scale=np.array(scale))


@pytest.mark.parametrize(
    "target",
    [
        [2.0, 0.0, 1.0, 0.0, 1.0, -1.0, 1.0],
        [0.0, 0.0, -1.0, 0.0, 1.0, -1.0, 1.0],
        [0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 1.0],
        [0.0, 0.0, 1.0],
        0.0,
    ],
)
def test_a_target_is_a_direction_and_positive_spreads(tmp_path, target):
    with pytest.raises(DamagedInput, match=r"target|scale"):
        spoil(FAMILIES["mlp"], tmp_path, target=np.array(target))


@pytest.mark.parametrize("shape", [(8, 15, 5), (8, 14, 32), (7, 15, 32), (8, 15), ()])
def test_embeddings_fit_the_settings(tmp_path, shape):
    """Of 8 members that know 15 architectures each, in 32 dimensions."""
    with pytest.raises(DamagedInput, match="embeddings"):
        spoil(FAMILIES["perceptron"], tmp_path, embeddings=np.zeros(shape))
    whole = spoil(FAMILIES["perceptron"], tmp_path, embeddings=np.zeros((8, 15, 32)))
    assert np.isfinite(whole.predict(drawn(5, 1))).all()


def test_embeddings_are_of_length_1(tmp_path):
    with pytest.raises(DamagedInput, match="embeddings"):
        spoil(FAMILIES["perceptron"], tmp_path, embeddings=np.full((8, 15, 32), 1e9))


def test_parameters_that_overflow_are_noticed(tmp_path):
    """Each is a number that a model may have, but their products are none."""
    kind, settings = FAMILIES["mlp"]
    count = fitted(kind, settings)._networks.parameters.shape
    model = spoil(FAMILIES["mlp"], tmp_path, parameters=np.full(count, 9e99))
    deep = kind(SPACE, layers=6).fit(drawn(4, 0), [1.0, 2.0, 3.0, 4.0], np.random.default_rng(0))
    deep._networks.parameters[:] = 9e99
    with pytest.raises(Diverged, match="finite"):
        deep.predict(drawn(3, 1))
    # With two layers they are just small enough.
    assert np.isfinite(model.predict(drawn(3, 1))).all()


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (MlpEnsemble, {"layers": 300, "learning_rate": 0.999, "epochs": 30}),
        (EmbeddingGp, {"layers": 300, "learning_rate": 0.999, "iterations": 30}),
    ],
)
def test_a_training_that_diverges_says_so_or_predicts_numbers(kind, settings):
    archs = drawn(30, 0)
    model = kind(SPACE, **settings)
    model.fit(archs, [landscape(arch) for arch in archs], np.random.default_rng(0))
    with contextlib.suppress(Diverged):
        assert np.isfinite(model.predict(archs)).all()
    model._networks.parameters[:] = np.nan
    with pytest.raises(Diverged, match="diverged"):
        model.predict(archs)
    if kind is EmbeddingGp:
        with pytest.raises(Diverged, match="diverged"):
            model.predict_members(archs)


@pytest.mark.parametrize("setting", ["members", "layers", "width"])
def test_networks_that_no_memory_holds_are_refused(family, setting):
    kind, settings = family
    with pytest.raises(InvalidSetting, match=setting):
        kind(SPACE, **{**settings, setting: 1_000_000})


def test_how_many_parameters_is_how_many_there_are(family):
    kind, settings = family
    model = fitted(kind, settings)
    networks = model._networks
    if kind is MlpEnsemble:
        assert networks.parameters.shape == (5, networks.count(networks.sizes))
    else:
        assert networks.parameters.shape == (8, model._parameters())


def test_what_is_no_file_is_said(tmp_path):
    (tmp_path / "model.npz").mkdir()
    with pytest.raises(DamagedInput, match=r"cannot read .*model\.npz"):
        MlpEnsemble.load(tmp_path, SPACE)


@pytest.mark.parametrize("about", ["[]", "{}", "3", '{"format": 1}'])
def test_what_a_model_says_of_itself_is_checked(family, tmp_path, about):
    with pytest.raises(DamagedInput, match=r"model\.npz"):
        spoil(family, tmp_path, about=np.array(about))


@pytest.mark.parametrize("settings", [[], 3, {"depth": 3}, {"width": "wide"}])
def test_stored_settings_are_checked(family, tmp_path, settings):
    kind, own = family
    path = fitted(kind, own).save(tmp_path)
    with np.load(path) as stored:
        about = json.loads(str(stored["about"]))
    about["settings"] = settings
    with pytest.raises(DamagedInput, match=r"model\.npz"):
        spoil(family, tmp_path, about=np.array(json.dumps(about)))
