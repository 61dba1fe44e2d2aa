# Untested. SOURCE_URL and SHA512: see packaging/README.md.
vcpkg_download_distfile(archive
  URLS "SOURCE_URL"
  FILENAME "eddy-${VERSION}.tar.gz"
  SHA512 SHA512)
vcpkg_extract_source_archive(source ARCHIVE "${archive}")
vcpkg_configure_meson(SOURCE_PATH "${source}"
  OPTIONS -Dtests=disabled -Dexamples=disabled -During=enabled)
vcpkg_install_meson()
vcpkg_fixup_pkgconfig()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/eddy)
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include")
vcpkg_install_copyright(FILE_LIST "${source}/LICENSE")
