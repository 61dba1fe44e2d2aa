// What the tests are precompiled with, where a build is made from nothing (b_pch).
#include <eddy/eddy.h>
#include <gtest/gtest.h>

#include "tests/support/io_test.h"
