"""What `pyproject.toml` cannot say: the compiled parts, which an installation without a C compiler does without."""

from __future__ import annotations

import sysconfig

from Cython.Build import cythonize
from setuptools import Extension, setup

COMPILED = ("parsing/scanner", "parsing/tokenizer", "rules/matcher")
# One build for all Pythons from 3.11 on; a free-threaded one knows no limited API.
STABLE = not sysconfig.get_config_var("Py_GIL_DISABLED")

extensions = cythonize(
    [
        Extension(
            f"krr_export/{name}".replace("/", "."),
            [f"krr_export/{name}.pyx"],
            extra_compile_args=["-O3"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE else [],
            py_limited_api=STABLE,
        )
        for name in COMPILED
    ],
    build_dir="build",
)
for extension in extensions:
    extension.optional = True  # cythonize forgets it

setup(ext_modules=extensions, options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {})
