"""eddy for Conan 2. Untested. SOURCE_URL and SHA256: see packaging/README.md."""
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, get, rmdir
from conan.tools.gnu import PkgConfigDeps
from conan.tools.layout import basic_layout
from conan.tools.meson import Meson, MesonToolchain


class EddyConan(ConanFile):
    name = "eddy"
    version = "0.1.0"
    description = "A C++20 coroutine runtime for Linux: io_uring, or epoll"
    license = "MIT"
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False]}
    default_options = {"shared": False, "fPIC": True}

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("eddy runs on Linux only")
        check_min_cppstd(self, 20)

    def layout(self):
        basic_layout(self, src_folder="src")

    def requirements(self):
        self.requires("liburing/[>=2.3]")

    def build_requirements(self):
        self.tool_requires("meson/[>=1.0]")
        self.tool_requires("pkgconf/[>=2.0]")

    def source(self):
        # (A tar archive: zip archives lose the links of include/.)
        get(self, "SOURCE_URL", sha256="SHA256", strip_root=True)

    def generate(self):
        toolchain = MesonToolchain(self)
        toolchain.project_options.update({"tests": "disabled", "examples": "disabled", "uring": "enabled"})
        toolchain.generate()
        PkgConfigDeps(self).generate()

    def build(self):
        meson = Meson(self)
        meson.configure()
        meson.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        Meson(self).install()
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))

    def package_info(self):
        self.cpp_info.libs = ["eddy"]
        self.cpp_info.system_libs = ["pthread"]
        self.cpp_info.set_property("cmake_file_name", "eddy")
        self.cpp_info.set_property("cmake_target_name", "eddy::eddy")
        self.cpp_info.set_property("pkg_config_name", "eddy")
