// What the files of the library are precompiled with, where a build is made from nothing (b_pch).
#include <eddy/eddy.h>
