// Recordings: the text is the choices, and what is no recording is refused with a sentence.
#include "simulation/recording.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace eddy::detail {
namespace {

TEST(Recording, ReadsAsAScriptOfItsFaults) {
  recording r;
  r.name = "log.keeps";
  r.seed = 417;
  r.choices = {{3'204'000'000, "log", "power.cut", 0, 2, 1},
               {3'204'000'001, "log", "disk.names", 2, 3, 1},
               {4'000'000'000, "", "down time", 0, 5'000'000'001, 17}};
  EXPECT_EQ(text_of(r),
            "eddy simulation 1\n"
            "name log.keeps\n"
            "seed 417\n"
            "3.204 s  log  power.cut #0 = 1 of 2\n"
            "3.204000001 s  log  disk.names #2 = 1 of 3\n"
            "4.000 s  -  \"down time\" #0 = 17 of 5000000001\n");
}

TEST(Recording, IsWhatItsTextSays) {
  recording r;
  r.name = "a \"strange\" name\\\n";
  r.seed = UINT64_MAX;
  r.choices = {{0, "-", "-", 0xffffffff, UINT64_MAX, UINT64_MAX - 1},
               {INT64_MAX / 2, "", "#", 0, 2, 1},
               {999'999'999, "h\xc3\xb6st", "", 7, 3, 2},
               {1, "seed", "name", 7, 3, 2}};
  const recording same = parse_recording(text_of(r), "r");
  EXPECT_EQ(same.name, r.name);
  EXPECT_EQ(same.seed, r.seed);
  EXPECT_EQ(same.choices, r.choices);
}

TEST(Recording, HasRoomForRemarks) {
  const recording r =
      parse_recording("eddy simulation 1\n# why\n\n  1.5 s a b #0 = 1 of 2\r\n", "r");
  ASSERT_EQ(r.choices.size(), 1U);
  EXPECT_EQ(r.choices[0].time, 1'500'000'000);
  EXPECT_EQ(r.choices[0].line, 4U);
}

std::string refusal(const std::string& text) {
  try {
    parse_recording(text, "log-417.choices");
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}
std::string refusal_of_line(const std::string& line) {
  return refusal("eddy simulation 1\n" + line + "\n");
}

TEST(Recording, ThatIsNoneIsRefusedWithASentence) {
  EXPECT_EQ(refusal(""),
            "eddy: log-417.choices is no recording of a simulation: its first line is not "
            "\"eddy simulation 1\"");
  EXPECT_EQ(refusal("eddy simulation 2\n"), refusal(""));
  const std::string line = "eddy: log-417.choices, line 2: ";
  EXPECT_EQ(refusal_of_line("seed x"), line + "expected a seed, a whole number");
  EXPECT_EQ(refusal_of_line("seed 99999999999999999999"), line + "expected a seed, a whole number");
  EXPECT_EQ(refusal_of_line("seed 1 2"), line + "too much: \"2\"");
  EXPECT_EQ(refusal_of_line("soon log a #0 = 1 of 2"),
            line + "expected a time in seconds, a whole number");
  EXPECT_EQ(refusal_of_line("1.0000000001 s log a #0 = 1 of 2"),
            line + "a time has at most nine digits behind the point");
  EXPECT_EQ(refusal_of_line("1 log a #0 = 1 of 2"), line + "expected \"s\"");
  EXPECT_EQ(refusal_of_line("1 s log a = 1 of 2"), line + "expected \"#\"");
  EXPECT_EQ(refusal_of_line("1 s \"log a #0 = 1 of 2"), line + "a quote that does not end");
  EXPECT_EQ(refusal_of_line("1 s log a #0 = 1"), line + "expected \"of\"");
  EXPECT_EQ(refusal_of_line("1 s log a #0 = 1 of 1"),
            line + "there are at least two possibilities, or nothing is chosen");
  EXPECT_EQ(refusal_of_line("1 s log a #0 = 2 of 2"),
            line + "the choice is 2, and the last one possible is 1");
  EXPECT_EQ(refusal_of_line("1 s log a #0 = 0 of 2"), line + "0 is what is not written down");
}

TEST(Recording, ThatCannotBeReadIsSaid) {
  try {
    read_recording("/nowhere/at all");
    FAIL();
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(),
                 "eddy: the recording /nowhere/at all cannot be read: No such file or directory");
  }
}

}  // namespace
}  // namespace eddy::detail
