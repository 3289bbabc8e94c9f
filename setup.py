# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Puts the bundles, which lie beside the package in the repository, into the wheel as ``ctan_monai/bundles``.

All else is in setup.cfg.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# and nothing that a training wrote into a bundle's folder
BUNDLE_FILES = (
    "LICENSE",
    "configs/*",
    "docs/*",
    "models/README.md",
    "models/ctan_*/*.*",
    "models/ctan_*/evaluation/*",
)


class BuildWithBundles(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the package then finds them in the repository
            return
        root = Path("bundles")
        for pattern in BUNDLE_FILES:
            for file in sorted(root.glob(f"*/{pattern}")):
                target = Path(self.build_lib, "ctan_monai", "bundles", file.relative_to(root))
                self.mkpath(str(target.parent))
                self.copy_file(str(file), str(target))


setup(cmdclass={"build_py": BuildWithBundles})
