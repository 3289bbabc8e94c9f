# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Headers that a CT hands on to DICOM results: none costs a result after the network has run."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicom_cases import NAMES, dose_map, label_map, write_ct
from dicom_validation import dicom_errors
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from ctan_monai.dicom import mask_outlines, predicted_by, read_source, write_rtdose, write_rtstruct, write_seg, write_sr
from ctan_monai.dicom.character_sets import standard_character_set
from ctan_monai.dicom.find_series import group_series
from ctan_monai.dicom.headers import dicom_headers
from ctan_monai.utils import InputError

pytest.importorskip("highdicom", reason="highdicom is not installed (pip install 'ctan-monai[dicom]')")
KINDS = ("seg", "sr", "rtstruct", "rtdose")


@pytest.fixture(scope="module")
def ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_ct(folder)
    return folder


def with_header(ct: Path, folder: Path, values: dict[str, str | bytes | None]) -> Path:
    """A copy of the CT whose tags have these bytes, as they are; None: absent."""
    shutil.copytree(ct, folder)
    for file in folder.iterdir():
        image = pydicom.dcmread(file)
        for element in image:  # parsed, so that they are written as they were meant
            _ = element.value
        for keyword, value in values.items():
            tag = Tag(tag_for_keyword(keyword))
            if value is None:
                image.pop(tag, None)
                continue
            content = value.encode() if isinstance(value, str) else value
            content += b" " * (len(content) % 2)
            image[tag] = RawDataElement(tag, dictionary_VR(tag), len(content), content, 0, False, True)
        image.set_original_encoding(False, True, image._character_set)  # raw elements are not encoded anew
        image.save_as(file)
    return folder


def write_all(folder: Path, ct: Path, warning: str = "") -> dict[str, pydicom.Dataset]:
    """What a run writes, read again."""
    source, maker = read_source(ct), predicted_by("openkbp")
    outlines = {"rectum": mask_outlines(label_map() == 1, source.affine)}
    write_seg(folder / "seg.dcm", source, label_map(), NAMES, maker, warning)
    write_sr(folder / "sr.dcm", source, {"covid": 0.5}, {"covid": "Predicted probability"}, maker, warning)
    write_rtstruct(folder / "rtstruct.dcm", source, outlines, maker, warning)
    write_rtdose(folder / "rtdose.dcm", source, dose_map(), source.affine, maker, warning)
    return {kind: pydicom.dcmread(folder / f"{kind}.dcm") for kind in KINDS}


# what stands in the CT, its name's bytes and the name; the set of the results. Names: DICOM PS3.5, annexes H to K
CASES: list[tuple[str | None, bytes, str, str | list[str] | None]] = [
    (
        "\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ["", "ISO 2022 IR 87"],
    ),
    (
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        ["ISO 2022 IR 13", "ISO 2022 IR 87"],
    ),
    ("ISO 2022 IR 87", b"Yamada=\x1b$B;3ED\x1b(B", "Yamada=山田", ["", "ISO 2022 IR 87"]),
    (
        "\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
        ["", "ISO 2022 IR 149"],
    ),
    ("\\ISO 2022 IR 58", b"Zhang^XiaoDong", "Zhang^XiaoDong", ["", "ISO 2022 IR 58"]),
    ("ISO_IR 192", "Wang^XiaoDong=王^小东".encode(), "Wang^XiaoDong=王^小东", "ISO_IR 192"),
    ("GB18030", "Wang=王^小东".encode("gb18030"), "Wang=王^小东", "GB18030"),
    ("GBK", "Wang=王^小东".encode("gbk"), "Wang=王^小东", "GBK"),
    ("ISO_IR 100", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme", "ISO_IR 100"),
    ("ISO 2022 IR 100", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme", "ISO_IR 100"),
    ("ISO 2022 IR 6", b"Doe^Jane", "Doe^Jane", None),
    ("ISO_IR 6", b"Doe^Jane", "Doe^Jane", None),
    ("", b"Doe^Jane", "Doe^Jane", None),
    (None, b"Doe^Jane", "Doe^Jane", None),
    (None, "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme", None),
    ("ISO_IR 144", "Люкceмбypг".encode("iso8859_5"), "Люкceмбypг", "ISO_IR 144"),
    ("ISO_IR 126", "Διονυσιος".encode("iso8859_7"), "Διονυσιος", "ISO_IR 126"),
    ("ISO_IR 13", b"\xd4\xcf\xc0\xde", "ﾔﾏﾀﾞ", "ISO_IR 13"),
    ("ISO IR 100", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme", "ISO_IR 192"),
    ("ISO_IR 149", "홍^길동".encode("euc_kr"), "홍^길동", "ISO_IR 192"),
    ("UTF-8", "山田^太郎".encode(), "山田^太郎", "ISO_IR 192"),
    ("ISO_IR 100\\ISO_IR 100", "Buc^Jérôme".encode("latin-1"), "Buc^Jérôme", "ISO_IR 192"),
    ("ISO_IR 192\\ISO 2022 IR 87", "山田".encode(), "山田", "ISO_IR 192"),
    ("NONE", b"Doe^Jane", "Doe^Jane", "ISO_IR 192"),
]


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # about what is tested
@pytest.mark.parametrize(("declared", "content", "name", "expected"), CASES, ids=[str(c[0]) for c in CASES])
def test_names_arrive_whatever_the_ct_declares(
    ct: Path, tmp_path: Path, declared: str | None, content: bytes, name: str, expected: str | Sequence[str] | None
) -> None:
    folder = with_header(ct, tmp_path / "CT", {"SpecificCharacterSet": declared, "PatientName": content})
    for kind, written in write_all(tmp_path, folder).items():
        assert str(written.PatientName) == name, kind
        found: Any = written.get("SpecificCharacterSet")
        assert (found if isinstance(found, str | None) else list(found)) == expected, kind
        if name.isascii() or expected not in (None, "GBK", "ISO_IR 13"):  # the latter two are unknown to dciodvfy
            assert dicom_errors(tmp_path / f"{kind}.dcm") == [], kind


def test_our_texts_may_have_characters_that_the_cts_set_lacks(ct: Path, tmp_path: Path) -> None:
    warning = "Volume ≥ 40 cm³ – more than any training patient's"
    for declared, name in (("ISO_IR 100", "Buc^Jérôme".encode("latin-1")), (None, b"Doe^Jane")):
        folder = with_header(ct, tmp_path / str(declared), {"SpecificCharacterSet": declared, "PatientName": name})
        written = write_all(tmp_path, folder, warning)
        assert {dataset.SpecificCharacterSet for dataset in written.values()} == {"ISO_IR 192"}
        assert warning in written["rtstruct"].StructureSetDescription
        assert warning in written["seg"].SegmentSequence[0].SegmentDescription
        assert str(written["seg"].PatientName) == name.decode("latin-1")


def test_a_name_that_its_set_cannot_have_is_told(ct: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    header = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Buc^Jérôme".encode("latin-1")}
    folder = with_header(ct, tmp_path / "CT", header)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written = write_all(tmp_path, folder)
    assert "PatientName cannot be read whole as SpecificCharacterSet ISO_IR 192" in caplog.text
    assert str(written["seg"].PatientName) == "Buc^J\ufffdr\ufffdme"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (None, []),
        ("", []),
        (["", "ISO 2022 IR 6"], []),
        ("ISO 2022 IR 144", ["ISO_IR 144"]),
        (["ISO 2022 IR 100", "ISO 2022 IR 144"], ["ISO 2022 IR 100", "ISO 2022 IR 144"]),
        (["ISO_IR 100", "ISO 2022 IR 144"], None),
        (["ISO 2022 IR 87", "ISO 2022 IR 100"], None),
        (["", "ISO_IR 192"], None),
        (["", "ISO 2022 IR 87", "ISO 2022 IR 87"], None),
        ("iso_ir 100", None),
    ],
)
def test_terms_of_the_standard(declared: str | list[str] | None, expected: list[str] | None) -> None:
    assert standard_character_set(declared) == expected


REFUSED = {
    ("PatientID", "a\\b"), ("PatientName", "a\\b"), ("AccessionNumber", "a\\b"), ("StudyID", "a\\b"),
    ("StudyInstanceUID", "1.2\\1.3"), ("SeriesInstanceUID", ""), ("SOPClassUID", ""),
    ("SeriesInstanceUID", "1.2\\1.3"), ("FrameOfReferenceUID", "1.2\\1.3"), ("SOPInstanceUID", "1.2\\1.3"),
    ("StudyInstanceUID", ""), ("FrameOfReferenceUID", ""), ("SOPInstanceUID", ""), ("SOPInstanceUID", "1.2.3"),
    ("SOPClassUID", "1.2\\1.3"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, about what is tested
@pytest.mark.parametrize(
    "keyword",
    [
        *("PatientID", "PatientName", "PatientAge", "PatientSize", "StudyID", "StudyDescription", "AccessionNumber"),
        *("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID", "SOPClassUID"),
        *("SliceThickness", "SpacingBetweenSlices", "PositionReferenceIndicator", "PatientComments", "InstanceNumber"),
    ],
)
def test_headers_are_refused_before_the_network_or_cost_nothing(ct: Path, tmp_path: Path, keyword: str) -> None:
    uid = keyword.endswith("UID")
    values = ["1.2\\1.3", ""] if uid else ["", "a\\b", "x" * 70, "nan", "20200230", "\0"]
    if keyword == "SOPInstanceUID":
        values.append("1.2.3")  # all slices have it
    for number, value in enumerate(values):
        folder = with_header(ct, tmp_path / str(number), {keyword: value})
        if keyword == "SOPClassUID":
            group_series(dicom_headers(folder.iterdir()))
        if (keyword, value) in REFUSED:
            with pytest.raises(InputError, match=r"CT\.001\.dcm|no CT slices"):
                read_source(folder)
        else:
            assert set(write_all(tmp_path, folder)) == set(KINDS)
