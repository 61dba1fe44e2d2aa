# eddy for Nix, from the tree around it: pkgs.callPackage ./packaging/eddy.nix { }. Untested.
{ lib, stdenv, meson, ninja, pkg-config, liburing }:

stdenv.mkDerivation {
  pname = "eddy";
  version = "0.1.0";
  src = lib.cleanSource ../.;
  nativeBuildInputs = [ meson ninja pkg-config ];
  propagatedBuildInputs = [ liburing ];
  mesonFlags = [ "-Dtests=disabled" "-Dexamples=disabled" "-During=enabled" "-Ddefault_library=both" ];
  meta = {
    description = "A C++20 coroutine runtime for Linux: io_uring, or epoll";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
