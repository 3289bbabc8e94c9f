# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A packed bundle: complete, small where asked, without traces of the machine, and refused once it was changed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import onnxruntime
import pytest
import torch
from support import REPOSITORY, run_tool

from ctan_monai.packing import pack, predict
from ctan_monai.packing.checksums import verify_checksums
from ctan_monai.packing.packed_configs import packed_config, packed_metadata, read_record
from ctan_monai.utils.errors import DataError, InputError
from ctan_monai.utils.files import file_sha256

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
CONFIGS = REPOSITORY / "bundles" / "openkbp" / "configs"


@pytest.fixture(scope="module")
def training(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an HPS that was trained for one epoch."""
    folder = tmp_path_factory.mktemp("training")
    files = str([str(CONFIGS / f"{name}.json") for name in ("train", "smoke")])
    values = ["--max_epochs", "1", "--num_workers", "0", "--batch_size", "16", "--dose_scale", "66", "--method", "HPS"]
    result = run_tool(
        "-m", "monai.bundle", "run", "training", "--config_file", files,
        "--dataset_dir", str(phantom), "--output_dir", str(folder), *values,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def packed(training: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The zip, in half precision, and what the packer printed."""
    path = tmp_path_factory.mktemp("$packed #1 @2 %3") / "openkbp.zip"
    copy = path.with_name("training #4")
    shutil.copytree(training, copy)
    (copy / "limits.md").write_text("- **Anything.** It saw one phantom.\n")
    arguments = ["openkbp", "--checkpoint", str(copy / "model.pt"), "--output", str(path), "--half"]
    result = run_tool("tools/pack_bundle.py", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return path, result.stdout


@pytest.fixture
def bundle(packed: tuple[Path, str], tmp_path: Path) -> Path:
    """The zip, unpacked."""
    folder = tmp_path / "$unpacked #1 @2 %3"
    with zipfile.ZipFile(packed[0]) as archive:
        archive.extractall(folder)
    return folder / "openkbp"


def test_the_zip_holds_all_that_a_recipient_needs(packed: tuple[Path, str], bundle: Path) -> None:
    path, printed = packed
    assert path.with_name("openkbp.zip.sha256").read_text() == f"{file_sha256(path)}  openkbp.zip\n"
    assert file_sha256(path) in printed
    assert file_sha256(bundle / "checksums.json") in printed
    for name in (
        "LICENSE",
        "README.md",
        "requirements.txt",
        "docs/README.md",
        "docs/data_license.txt",
        "docs/model_card.md",
        "docs/limits.md",
    ):
        assert (bundle / name).is_file(), name
    assert {p.name for p in (bundle / "models").iterdir()} == {"model.pt", "model.ts", "model.onnx"}
    (wheel,) = (bundle / "wheels").iterdir()
    requirements = (bundle / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("torch==") and "+" not in line for line in requirements)
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in requirements), "pip finds no path from elsewhere"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "ctan_monai/packing/predict.py" in names
    assert "ctan_monai/packing/templates/recipient.md.j2" in names
    assert not any("tests" in name for name in names)


def test_configs_carry_the_training_and_not_the_defaults(bundle: Path) -> None:
    for name in ("train.json", "inference.json"):
        config = json.loads((bundle / "configs" / name).read_text())
        assert (config["backbone"], config["stem"], config["dose_scale"]) == ("resnet18_half", "conv7x7", 66)
        assert config["method"] == "HPS"
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["sha256"]["model.pt"] == file_sha256(bundle / "models" / "model.pt")
    assert metadata["training"]["config"]["method"] == "HPS"
    assert metadata["training_data"]["cases"] == {"training": 1, "validation": 1, "test": 1}
    assert metadata["training_data"]["name"] == "OpenKBP phantom", "synthetic data must not pass as the release"
    assert metadata["eval_metrics"] == {}, "not evaluated"
    image = metadata["network_data_format"]["inputs"]["image"]
    assert (image["num_channels"], len(image["channel_def"])) == (3, 3)
    ranges = json.loads((bundle / "configs" / "training_ranges.json").read_text())
    assert ranges["statistics"]["max_dose_gy"]["count"] == 1


def test_exports_equal_the_half_precision_weights(bundle: Path) -> None:
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert {v.dtype for v in state.values() if v.is_floating_point()} == {torch.float16}
    scripted = torch.jit.load(bundle / "models" / "model.ts")
    session = onnxruntime.InferenceSession(bundle / "models" / "model.onnx", providers=["CPUExecutionProvider"])
    from ctan_monai.networks import HPS

    tasks = {"segmentation": {"level": "pixel", "out_channels": 5}, "dose": {"level": "pixel", "out_channels": 1}}
    network = HPS(2, 3, tasks, backbone="resnet18_half", stem="conv7x7").eval()
    network.load_state_dict(state)
    image = torch.rand(3, 3, 128, 128)
    with torch.inference_mode():
        eager, script = network(image), scripted(image)
    onnx = dict(zip(tasks, session.run(list(tasks), {"image": image.numpy()}), strict=True))
    for task, expected in eager.items():
        torch.testing.assert_close(script[task], expected)
        torch.testing.assert_close(torch.from_numpy(onnx[task]), expected, rtol=1e-4, atol=1e-4)


def test_nothing_of_this_machine_is_in_the_zip(packed: tuple[Path, str], bundle: Path, training: Path) -> None:
    folders = (REPOSITORY, training, packed[0].parent)
    # whole, or a checkout in /ctan-monai would be found in "bin/ctan-monai-predict"
    traces = [re.compile(rb"(?<![\w.-])" + re.escape(str(folder).encode()) + rb"(?![\w.-])") for folder in folders]
    for path in (p for p in bundle.rglob("*") if p.is_file()):
        contents = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        for trace in traces:
            assert not any(trace.search(content) for content in contents), f"{path.name}: {trace.pattern!r}"


def test_the_recipients_command_predicts_a_patient(bundle: Path, phantom: Path) -> None:
    """Beside the unpacked folder; tests/bundle/test_recipient.py does it in an environment of its own."""
    (ct,) = phantom.glob("test/*/ct.nii")
    folder = bundle.parent
    (folder / "$patient #5").mkdir()
    shutil.copy(ct, folder / "$patient #5")
    arguments = ["--bundle", "openkbp", "$patient #5", "@results #6", "--device", "cpu"]
    result = run_tool("-m", "ctan_monai.packing.predict", *arguments, cwd=folder)
    assert result.returncode in (0, 3), result.stdout + result.stderr
    results = folder / "@results #6"
    report = json.loads((results / "ct_report.json").read_text())
    assert report["usable"] == (result.returncode == 0), "a network of one epoch may find nothing"
    others = [warning for warning in report["warnings"] if warning != report["unusable_because"]]
    assert "ct_report.json" in result.stdout
    assert all(f"\n  - {warning}\n" in result.stdout for warning in others)
    assert result.stdout.rstrip().endswith("Research only: not for diagnosis or treatment.")
    page = (results / "ct_page.html").read_text()
    assert "HPS (resnet18_half conv7x7)" in page and "<dd>Anything</dd>" in page
    segmentation = nib.load(results / "ct_segmentation.nii.gz")
    dose = nib.load(results / "ct_dose.nii.gz")
    assert segmentation.shape == dose.shape == nib.load(ct).shape
    np.testing.assert_allclose(dose.affine, nib.load(ct).affine)
    assert dose.get_data_dtype() == np.float32


def test_a_device_that_is_not_there(bundle: Path, phantom: Path, tmp_path: Path) -> None:
    (ct,) = phantom.glob("test/*/ct.nii")
    arguments = [str(ct), str(tmp_path / "results"), "--bundle", str(bundle), "--device", "banana"]
    result = run_tool("-m", "ctan_monai.packing.predict", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: --device banana: PyTorch cannot use it here (")
    assert len(result.stderr.splitlines()) == 1


def change(bundle: Path) -> None:
    with (bundle / "configs" / "inference.json").open("a") as file:
        file.write(" ")


def remove(bundle: Path) -> None:
    (bundle / "models" / "model.pt").unlink()


def add(bundle: Path) -> None:
    shutil.copy(bundle / "configs" / "inference.json", bundle / "configs" / "other.json")


def add_wheel(bundle: Path) -> None:
    (bundle / "wheels" / "torch-9.whl").touch()


def add_module(bundle: Path) -> None:
    (bundle / "jinja2.py").write_text("print('run instead of the library')")


def add_package(bundle: Path) -> None:
    (bundle / "highdicom").mkdir()
    (bundle / "highdicom" / "__init__.py").touch()


def add_venv_module(bundle: Path) -> None:
    (bundle / "venv.py").write_text("print('run by python3 -m venv')")


def add_startup_file(bundle: Path) -> None:
    (bundle / "results").mkdir()
    (bundle / "results" / "evil.pth").write_text("import os")


def add_behind_link(bundle: Path) -> None:
    (bundle / "a").symlink_to(bundle / "configs")
    add(bundle)


def add_link(bundle: Path) -> None:
    (bundle.parent / "elsewhere" / "sqlite3").mkdir(parents=True)
    (bundle.parent / "elsewhere" / "sqlite3" / "__init__.py").touch()
    (bundle / "results").symlink_to(bundle.parent / "elsewhere")


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (change, r"configs/inference\.json: was changed after packing"),
        (remove, r"models/model\.pt: is missing"),
        (add, r"configs/other\.json: was not in the bundle"),
        (add_wheel, r"wheels/torch-9\.whl: was not in the bundle"),
        (add_module, r"jinja2\.py: was not in the bundle"),
        (add_package, r"highdicom/__init__\.py: was not in the bundle"),
        (add_venv_module, r"venv\.py: was not in the bundle"),
        (add_startup_file, r"results/evil\.pth: was not in the bundle"),
        (add_behind_link, r"/(a|configs)/other\.json: was not in the bundle"),
        (add_link, r"results/sqlite3/__init__\.py: was not in the bundle"),
    ],
)
def test_a_changed_bundle_is_refused(
    bundle: Path, tamper: Callable[[Path], None], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify_checksums(bundle)
    tamper(bundle)
    with pytest.raises(InputError, match=message):
        verify_checksums(bundle)
    assert predict.main(["--bundle", str(bundle), str(bundle), str(tmp_path / "results")]) == 2
    assert capsys.readouterr().err.strip().endswith("unpack it into an empty folder.")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", ["venv", ".venv", "env", "configs/venv", "docs/anything"])
def test_an_environment_in_the_bundle_is_refused(bundle: Path, name: str) -> None:
    """What comes with a zip as its environment runs with every start of its Python, before any check."""
    packages = bundle / name / "lib" / "python3" / "site-packages"
    packages.mkdir(parents=True)
    (bundle / name / "pyvenv.cfg").touch()
    (packages / "evil.pth").write_text("import os")
    (packages / "module.py").touch()
    digest = file_sha256(bundle / "checksums.json")
    with pytest.raises(InputError) as caught:
        verify_checksums(bundle, digest)
    message = str(caught.value)
    assert message.startswith(f"{bundle / name}: is a Python environment")
    assert "make one beside the folder" in message
    assert len(message.splitlines()) == 1, "not each of its files"


def test_the_users_results_are_no_part_of_the_bundle(bundle: Path) -> None:
    (bundle / "results").mkdir()
    for name in ("ct_report.json", "ct_dose.nii.gz", "ct_rtdose.dcm"):
        (bundle / "results" / name).touch()
    verify_checksums(bundle)
    with pytest.raises(InputError, match="--sha256 abc: is not a SHA-256; expected 64 hexadecimal digits"):
        verify_checksums(bundle, "abc")


def test_checksums_written_anew_are_refused_by_the_digest(bundle: Path) -> None:
    digest = file_sha256(bundle / "checksums.json")
    verify_checksums(bundle, digest.upper())
    change(bundle)
    checksums = json.loads((bundle / "checksums.json").read_text())
    checksums["configs/inference.json"] = file_sha256(bundle / "configs" / "inference.json")
    (bundle / "checksums.json").write_text(json.dumps(checksums))
    verify_checksums(bundle)
    with pytest.raises(InputError, match=r"checksums\.json: has the SHA-256 .*, expected"):
        verify_checksums(bundle, digest)


def test_a_record_of_an_earlier_version_is_refused(training: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"training\.json: no such file.*--training_dir"):
        read_record(tmp_path)
    record = json.loads((training / "training.json").read_text())
    del record["values"]
    (tmp_path / "training.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"has no 'values' and 'data'.*Train with this version"):
        read_record(tmp_path)


def test_a_checkpoint_of_another_method_is_refused(training: Path, tmp_path: Path) -> None:
    record = json.loads((training / "training.json").read_text())
    record["values"]["method"] = "MTAN"
    (tmp_path / "training.json").write_text(json.dumps(record))
    arguments = ["--checkpoint", str(training / "model.pt"), "--training_dir", str(tmp_path)]
    result = run_tool("tools/pack_bundle.py", "openkbp", *arguments, "--output", str(tmp_path / "out.zip"))
    assert result.returncode == 2
    assert "does not fit the network of this config (MTAN)" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["training.json"], "nothing half-written"


def test_metadata_of_one_task_names_that_task_alone(training: Path) -> None:
    record = read_record(training)
    record["values"] |= {"task_names": ["dose"], "method": "STL"}
    config = packed_config(CONFIGS / "inference.json", record)
    metadata = packed_metadata(json.loads((CONFIGS / "metadata.json").read_text()), config, record, {})
    outputs = metadata["network_data_format"]["outputs"]
    assert list(outputs) == ["pred", "dose"]
    assert outputs["pred"]["channel_def"] == outputs["dose"]["channel_def"]
    assert metadata["task"].endswith("from CT alone")


def test_the_optimizer_of_the_training_is_packed(training: Path) -> None:
    record = read_record(training)
    assert record["values"]["optimizer::_target_"] == "torch.optim.AdamW"
    record["values"]["optimizer::_target_"] = "torch.optim.SGD"
    default = json.loads((CONFIGS / "train.json").read_text())["optimizer"]
    packed = packed_config(CONFIGS / "train.json", record)["optimizer"]
    assert packed == {**default, "_target_": "torch.optim.SGD"}
    assert "optimizer" not in packed_config(CONFIGS / "inference.json", record)


def test_sha256_file_is_what_sha256sum_reads(packed: tuple[Path, str]) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    result = subprocess.run(
        ["sha256sum", "-c", "openkbp.zip.sha256"], cwd=packed[0].parent, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, "openkbp.zip: OK\n"), sys.platform


@pytest.mark.parametrize(
    ("text", "folder", "named"),
    [
        ("see /home/ann/work/model.pt", "/home/ann", True),
        ("--output_dir=/ctan-monai", "/ctan-monai", True),
        ("run openkbp-env/bin/ctan-monai-predict", "/ctan-monai", False),
        ("/ctan-monai-old/model.pt", "/ctan-monai", False),
        ("https://example.org/root/file", "/root", False),
        ("runs/openkbp", "/", False),
    ],
)
def test_a_folder_of_this_machine_is_found_whole(text: str, folder: str, named: bool) -> None:
    assert pack._names_folder(text, Path(folder)) is named
