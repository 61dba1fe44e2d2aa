// linearizable(): histories that are known to be good or bad.
#include <eddy/simulation/history.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace eddy {
namespace {

struct operation {
  char kind;  // r or w
  char key;
  int value;
};

struct registers {
  using state = int;
  int apply(state& s, const operation& o) const { return o.kind == 'w' ? (s = o.value) : s; }
  char key(const operation& o) const { return o.key; }
  std::string text(const operation& o) const {
    return std::string(o.kind == 'w' ? "write " : "read ") + o.key +
           (o.kind == 'w' ? " " + std::to_string(o.value) : "");
  }
};
using register_history = history<operation, int>;

TEST(History, OfOneAfterTheOtherIsWhatItSays) {
  register_history h;
  h.returned(h.invoke({'w', 'x', 5}), 5);
  h.returned(h.invoke({'r', 'x', 0}), 5);
  h.returned(h.invoke({'r', 'y', 0}), 0);
  EXPECT_TRUE(linearizable(h, registers()));
  h.returned(h.invoke({'r', 'x', 0}), 0);
  EXPECT_FALSE(linearizable(h, registers()));
}

TEST(History, MayPutWhatOverlapsInEitherOrder) {
  register_history h;
  const auto write = h.invoke({'w', 'x', 1});
  h.returned(h.invoke({'r', 'x', 0}), 0);
  h.returned(h.invoke({'r', 'x', 0}), 1);
  h.returned(write, 1);
  EXPECT_TRUE(linearizable(h, registers()));
}

TEST(History, MayNotGoBack) {
  register_history h;
  const auto write = h.invoke({'w', 'x', 1}, "a");
  h.returned(h.invoke({'r', 'x', 0}, "b"), 1);
  h.returned(h.invoke({'r', 'x', 0}, "c"), 0);
  h.returned(h.invoke({'r', 'x', 0}, "d"), 1);
  h.returned(write, 1);
  h.returned(h.invoke({'r', 'y', 0}), 0);
  const linearizability found = linearizable(h, registers());
  EXPECT_FALSE(found);
  EXPECT_EQ(found.text,
            "  0 … ?  a  write x 1\n"
            "  1 … 2  b  read x -> 1\n"
            "  3 … 4  c  read x -> 0   <- in no order\n");
}

TEST(History, KnowsThatWhatNeverReturnedMayHaveHappenedAtAnyTimeOrNever) {
  register_history h;
  h.invoke({'w', 'x', 1});
  h.invoke({'w', 'x', 2});
  h.returned(h.invoke({'r', 'x', 0}), 0);
  h.returned(h.invoke({'r', 'x', 0}), 2);
  h.returned(h.invoke({'r', 'x', 0}), 2);
  EXPECT_TRUE(linearizable(h, registers()));
  h.returned(h.invoke({'r', 'x', 0}), 1);
  EXPECT_TRUE(linearizable(h, registers()));
  h.returned(h.invoke({'r', 'x', 0}), 2);
  EXPECT_FALSE(linearizable(h, registers()));
}

TEST(History, SeesThatNothingHappensBeforeItBegins) {
  register_history h;
  h.returned(h.invoke({'r', 'x', 0}), 1);
  h.invoke({'w', 'x', 1});
  EXPECT_FALSE(linearizable(h, registers()));
}

/// A queue: an operation below 0 takes, what is not below 0 is put.
struct queue_model {
  using state = std::vector<int>;
  int apply(state& s, int operation) const {
    if (operation >= 0) {
      s.push_back(operation);
      return operation;
    }
    if (s.empty()) return -1;
    const int first = s.front();
    s.erase(s.begin());
    return first;
  }
};

TEST(History, IsJudgedByAnyModel) {
  history<int, int> h;
  const auto one = h.invoke(1);
  const auto two = h.invoke(2);
  h.returned(one, 1);
  h.returned(two, 2);
  h.returned(h.invoke(-1), 2);
  h.returned(h.invoke(-1), 1);
  EXPECT_TRUE(linearizable(h, queue_model()));
  h.returned(h.invoke(-1), 1);
  EXPECT_FALSE(linearizable(h, queue_model()));
}

/// Clients that overlap, whose operations happen somewhere between beginning and end.
register_history made(std::uint64_t seed, int operations, bool lie) {
  register_history h;
  int value = 0;
  struct client {
    bool busy = false, done = false;
    std::size_t id = 0;
    operation what{};
    int answer = 0;
  } clients[4];
  int begun = 0;
  const auto draw = [&seed](std::uint64_t n) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % n;
  };
  for (int ended = 0; ended < operations;) {
    client& c = clients[draw(4)];
    if (!c.busy && begun < operations) {
      c.what = {draw(2) ? 'w' : 'r', 'x', static_cast<int>(draw(5))};
      c.id = h.invoke(c.what);
      c.busy = true;
      c.done = false;
      ++begun;
    } else if (c.busy && !c.done) {
      c.answer = c.what.kind == 'w' ? (value = c.what.value) : value;
      c.done = true;
    } else if (c.busy) {
      // 9 is never written.
      h.returned(c.id, lie && ended == operations - 20 ? 9 : c.answer);
      c.busy = false;
      ++ended;
    }
  }
  return h;
}

TEST(History, OfHundredsOfOperationsOnAKeyIsJudgedSoon) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const linearizability good = linearizable(made(seed, 300, false), registers());
    EXPECT_TRUE(good && good.decided) << seed << "\n" << good.text;
    EXPECT_FALSE(linearizable(made(seed, 300, true), registers())) << seed;
  }
}

TEST(History, IsGivenUpAfterTooManySteps) {
  const linearizability found = linearizable(made(1, 300, true), registers(), 100);
  EXPECT_TRUE(found);
  EXPECT_FALSE(found.decided);
}

TEST(HistoryDeathTest, AbortsWhereAnEndHasNoBeginning) {
  register_history h;
  EXPECT_DEATH(h.returned(0, 1), "eddy: history::returned: of an operation that was not begun");
}

}  // namespace
}  // namespace eddy
