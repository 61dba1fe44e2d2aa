// The source of choices: what a value depends on, and what each of its origins gives.
#include "simulation/choices.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/support/counted_memory.h"

namespace eddy::detail {
namespace {

using kind = choice_source::kind;

choice_source seeded(std::uint64_t seed) {
  return {.from = kind::seeded, .seed = seed};
}

std::vector<std::uint64_t> some(choices& c, unsigned host, label l, std::uint64_t bound, int n) {
  std::vector<std::uint64_t> values;
  for (int i = 0; i < n; ++i) values.push_back(c.draw(host, l, bound));
  return values;
}

TEST(Choices, AreTheSameForTheSameSeedAndOthersForAnother) {
  choices a, b, other;
  a.begin(seeded(1), faults::hostile, false);
  b.begin(seeded(1), faults::hostile, false);
  other.begin(seeded(2), faults::hostile, false);
  const auto values = some(a, 0, label::net_delay, 1000, 1000);
  EXPECT_EQ(some(b, 0, label::net_delay, 1000, 1000), values);
  EXPECT_NE(some(other, 0, label::net_delay, 1000, 1000), values);
  EXPECT_EQ(a.hash(), b.hash());
  EXPECT_NE(a.hash(), other.hash());
}

TEST(Choices, AreTheseNumbersOnEveryMachine) {
  choices c;
  c.begin(seeded(417), faults::ordinary, false);
  const unsigned host = c.add_host("log");
  std::uint64_t sum = 0;
  for (int i = 0; i < 1000; ++i) sum = sum * 31 + c.draw(host, label::net_delay, 1'000'000'007);
  for (int i = 0; i < 1000; ++i) sum = sum * 31 + c.draw(host, "mine", 100);
  EXPECT_EQ(sum, 18330451106204734640ULL)
      << "what was drawn has changed: recordings of others no longer fit";
}

TEST(Choices, DoNotMoveWhenSomethingElseIsDrawn) {
  choices a, b;
  a.begin(seeded(5), faults::ordinary, false);
  b.begin(seeded(5), faults::ordinary, false);
  const unsigned host_a = a.add_host("one");
  b.add_host("another");
  const unsigned host_b = b.add_host("one");
  std::vector<std::uint64_t> values_a, values_b;
  for (int i = 0; i < 200; ++i) {
    values_a.push_back(a.draw(host_a, label::net_delay, 100));
    b.draw(0, label::net_delay, 100);
    b.draw(host_b, label::list_order, 7);
    b.draw(host_b, "mine", 7);
    values_b.push_back(b.draw(host_b, label::net_delay, 100));
  }
  EXPECT_EQ(values_a, values_b);
}

TEST(Choices, AreNotDrawnWhereThereIsOnePossibilityOrTheFamilyIsOff) {
  choices c;
  c.begin(seeded(1), faults::none, true);
  EXPECT_EQ(some(c, 0, label::net_delay, 1000, 1000), std::vector<std::uint64_t>(1000, 0));
  EXPECT_EQ(c.drawn(), 0U);
  EXPECT_EQ(c.draw(0, label::power_names, 1), 0U);
  EXPECT_EQ(c.draw(0, "mine", 1), 0U);
  EXPECT_FALSE(c.chance(0, "mine", 0));
  EXPECT_EQ(c.drawn(), 0U);
  EXPECT_FALSE(c.is_on(fault::delay));
}

TEST(Choices, LeaveTheOrdinaryAtTheFamilysRate) {
  choices c;
  c.begin(seeded(1), faults::none, false);
  c.set_rate(fault::loss, 250'000);
  int lost = 0;
  for (int i = 0; i < 100'000; ++i) lost += c.chance(0, label::datagram_lost);
  EXPECT_NEAR(lost, 25'000, 500);
  c.set_rate(fault::loss, 1'000'000);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(c.chance(0, label::datagram_lost));
  c.set_rate(fault::loss, 0);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(c.chance(0, label::datagram_lost));
}

TEST(Choices, ReachEveryValueAndNoOther) {
  choices c;
  c.begin(seeded(3), faults::none, false);
  c.set_rate(fault::delay, 500'000);
  std::set<std::uint64_t> at_rate, evenly, mine;
  for (int i = 0; i < 2000; ++i) at_rate.insert(c.draw(0, label::net_delay, 10));
  for (int i = 0; i < 2000; ++i) evenly.insert(c.draw(0, label::power_names, 10));
  for (int i = 0; i < 2000; ++i) mine.insert(c.draw(0, "mine", 10));
  const std::set<std::uint64_t> all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(at_rate, all);
  EXPECT_EQ(evenly, all);
  EXPECT_EQ(mine, all);
  EXPECT_LT(c.draw(0, "wide", UINT64_MAX), UINT64_MAX);
}

TEST(Choices, SwarmSwitchesFamiliesOffForSomeSeedsAndMakesOthersStronger) {
  std::set<std::uint32_t> rates;
  int quiet = 0;
  choices c;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    c.begin(seeded(seed), faults::rough, true);
    rates.insert(c.rate(fault::loss));
    quiet += !c.is_on(fault::loss);
    EXPECT_FALSE(c.is_on(fault::kill));
  }
  EXPECT_EQ(rates.size(), 6U);
  EXPECT_NEAR(quiet, 250, 60);
}

TEST(Choices, EndWithCalmExceptTheUsersOwn) {
  choices c;
  c.begin(seeded(1), faults::hostile, false);
  c.calm();
  c.set_rate(fault::loss, 1'000'000);
  EXPECT_EQ(some(c, 0, label::datagram_lost, 2, 100), std::vector<std::uint64_t>(100, 0));
  std::set<std::uint64_t> mine;
  for (int i = 0; i < 100; ++i) mine.insert(c.draw(0, "mine", 3));
  EXPECT_EQ(mine.size(), 3U);
}

TEST(Choices, KeepWhatIsNotZeroWithItsTimeAndKey) {
  choices c;
  c.begin(seeded(1), faults::none, false);
  c.set_rate(fault::loss, 1'000'000);
  const unsigned host = c.add_host("log");
  c.now = 3'204'000'000;
  c.draw(host, label::datagram_lost, 2);
  c.draw(host, label::datagram_lost, 2);
  const recording r = c.record();
  ASSERT_EQ(r.choices.size(), 2U);
  EXPECT_EQ(r.choices[1], (recorded_choice{3'204'000'000, "log", "datagram.lost", 1, 2, 1}));
}

TEST(Choices, SayWhatTheyAreAsAPersonWould) {
  choices c;
  c.begin({}, faults::none, false);
  const auto text = [&c](label l, std::uint64_t value, std::uint64_t bound) {
    return c.phrase({0, bound, value, 0, static_cast<std::uint32_t>(l), 0});
  };
  EXPECT_EQ(text(label::host_power_cut, 1, 2), "power.cut");
  EXPECT_EQ(text(label::power_names, 1, 3), "disk.names keeps 1 of 2");
  EXPECT_EQ(text(label::net_delay, 3, 10), "net.delay 3 of 9");
}

// ---- Recorded ----

/// A run with a few draws of each kind.
void draw_some(choices& c) {
  const unsigned log = c.add_host("log");
  const unsigned client = c.add_host("client 1");
  for (int i = 0; i < 50; ++i) {
    c.now += 1'000'000;
    c.draw(log, label::net_delay, 100);
    c.draw(client, label::net_delay, 100);
    c.chance(client, label::stream_reset);
    c.draw(client, "operation", 5);
    c.chance(0, "coin", 500'000);
  }
}

TEST(Choices, AreTheSameFromTheirOwnRecording) {
  choices c;
  c.begin(seeded(9), faults::rough, true);
  draw_some(c);
  const recording r = parse_recording(text_of(c.record()), "r");
  const std::uint64_t hash = c.hash();
  ASSERT_GT(r.choices.size(), 20U);
  c.begin({.from = kind::recorded, .seed = r.seed, .recorded = &r, .strict = true}, faults::rough,
          true);
  draw_some(c);
  EXPECT_EQ(c.hash(), hash);
  EXPECT_EQ(c.record().choices, r.choices);
  EXPECT_EQ(c.mismatch(true), "");
}

TEST(Choices, StayInTheirPlacesWhenOneIsTakenOut) {
  choices c;
  c.begin(seeded(9), faults::rough, true);
  draw_some(c);
  recording r = c.record();
  r.choices.erase(r.choices.begin() + 7);
  c.begin({.from = kind::recorded, .seed = r.seed, .recorded = &r}, faults::rough, true);
  draw_some(c);
  EXPECT_EQ(c.record().choices, r.choices);
}

TEST(Choices, SayWhereARecordingDoesNotFit) {
  choices c;
  const auto run = [&c](const char* line, bool strict) {
    const recording r = parse_recording("eddy simulation 1\nseed 1\n" + std::string(line), "r");
    c.begin({.from = kind::recorded, .seed = 1, .recorded = &r, .strict = strict}, faults::rough,
            false);
    const unsigned log = c.add_host("log");
    c.now = 2'000'000'000;
    const auto value = c.draw(log, label::power_names, 4);
    const std::string text = c.mismatch(true);
    return std::to_string(value) + (text.empty() ? "" : ": " + text);
  };
  EXPECT_EQ(run("1.000 s log disk.names #0 = 2 of 4", true), "2");
  EXPECT_EQ(
      run("1.000 s log disk.names #0 = 2 of 3", true),
      "0: it has log disk.names #0 = 2 of 3 (line 3), and this run has 4 possibilities there, at "
      "2.000 s");
  EXPECT_EQ(
      run("1.000 s log disk.names #1 = 2 of 4", true),
      "0: it has log disk.names #1 = 2 of 4 (line 3), and this run never comes to that choice");
  EXPECT_EQ(run("1.000 s log disk.names #0 = 1 of 4\n1.000 s log disk.names #0 = 2 of 4", true),
            "2: it has twice: log disk.names #0 = 2 of 4 (line 4)");
  EXPECT_EQ(run("1.000 s log disk.names #0 = 2 of 3", false), "2");
  EXPECT_EQ(run("1.000 s log disk.names #0 = 5 of 9", false), "0");
  EXPECT_EQ(run("1.000 s lag disk.names #0 = 2 of 4", false), "0");
}

// ---- The other origins ----

TEST(Choices, OfAnOrdinaryRunAreAllZero) {
  choices c;
  c.begin({}, faults::hostile, false);
  draw_some(c);
  EXPECT_TRUE(c.taken().empty());
  EXPECT_EQ(c.drawn(), 250U);
}

TEST(Choices, LeaveTheOrdinaryInTheEnumeratedPlaces) {
  choices c;
  std::vector<deviation> places = {
      {.place = 1, .corner = 0}, {.place = 4, .corner = 1}, {.place = 1000, .corner = 0}};
  c.begin({.from = kind::enumerated, .deviations = places}, faults::ordinary, false);
  EXPECT_EQ(some(c, 0, label::net_delay, 100, 6), (std::vector<std::uint64_t>{0, 1, 0, 0, 99, 0}));
  EXPECT_EQ(c.deviations_met(), 2U);
  EXPECT_EQ(places[1].corners, 3U);
  EXPECT_EQ(corners_of(2), 1U);
  EXPECT_EQ(corners_of(3), 2U);
}

TEST(Choices, OfAFuzzerAreItsBytes) {
  choices c;
  const unsigned char bytes[] = {3, 1, 2, 255};
  c.begin({.from = kind::bytes, .bytes = bytes}, faults::ordinary, false);
  EXPECT_EQ(c.draw(0, label::net_delay, 100), 3U);
  EXPECT_EQ(c.draw(0, "mine", 1000), 258U);
  EXPECT_EQ(c.draw(0, label::list_order, 2), 1U);
  EXPECT_EQ(c.draw(0, label::list_order, 2), 0U);  // no more of them
}

TEST(Choices, AllocateNothingOnceARunHasBeen) {
  choices c;
  const auto run = [&c](std::uint64_t seed) {
    c.begin(seeded(seed), faults::hostile, false);
    draw_some(c);
  };
  run(1);
  run(2);
  const test::allocation_count count;
  for (std::uint64_t seed = 3; seed < 100; ++seed) run(seed);
  EXPECT_EQ(count.now(), 0U);
}

}  // namespace
}  // namespace eddy::detail
