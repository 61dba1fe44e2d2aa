// What a seed draws: every family comes true, a stream keeps its bytes in order under all of them,
// and an equal seed gives an equal trace.
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>

#include "simulation/choices.h"
#include "tests/simulation/programs.h"

namespace eddy::test {
namespace {

using detail::choices;
using detail::label;

/// A world whose choices come from a seed.
struct seeded_world {
  seeded_world(std::uint64_t seed, faults preset) {
    detail::choice_source source;
    source.from = detail::choice_source::kind::seeded;
    source.seed = seed;
    open.begin(source, preset, false);
    world_options o;
    in = std::make_unique<world>(o, &open);
    a = &in->add_machine("a");
    b = &in->add_machine("b");
  }
  choices open;
  std::unique_ptr<world> in;
  machine* a = nullptr;
  machine* b = nullptr;
};

/// One sends, the other receives, both whenever they can; gives what arrived.
struct transfer {
  static constexpr std::size_t size = 200'000;

  explicit transfer(seeded_world& w) : in(*w.in), near(*w.a), far(*w.b), sent(size, '\0') {
    for (std::size_t i = 0; i < size; ++i) sent[i] = static_cast<char>(i * 7 + i / 251);
    const int server = near.listen(7);
    const int client = far.socket();
    const sockaddr_in at = program::address(near.on.address(), 7);
    asked accepting(asking(verb::accept, server));
    near.begin(accepting);
    near.turn();
    if (far.finish(asking(verb::connect, client, &at, sizeof at)) < 0) {
      near.cancel(accepting);
      while (!accepting.reported) near.turn();
      return;
    }
    const int accepted = near.finish(accepting);
    if (accepted < 0) return;
    asked sends(asking(verb::send, client)), hears(asking(verb::receive, accepted));
    std::array<char, 3000> buffer{};
    hears.ask.address = reinterpret_cast<std::uintptr_t>(buffer.data());
    hears.ask.length = buffer.size();
    near.begin(hears);
    std::size_t out = 0;
    const auto send = [&] {
      sends.ask.address = reinterpret_cast<std::uintptr_t>(sent.data() + out);
      sends.ask.length = static_cast<std::uint32_t>(std::min<std::size_t>(7000, size - out));
      far.begin(sends);
    };
    send();
    bool sending = true, hearing = true;
    while (hearing || sending) {
      near.turn();
      far.turn();
      if (sending && sends.reported) {
        if (sends.result > 0) out += static_cast<std::size_t>(sends.result);
        sending = sends.result > 0 && out < size;
        if (sending) {
          send();
        } else {
          far.ask(asking(verb::close, client));
        }
      }
      if (hearing && hears.reported) {
        if (hears.result > 0) came.append(buffer.data(), static_cast<std::size_t>(hears.result));
        end = hears.result;
        hearing = hears.result > 0;
        if (hearing) near.begin(hears);
      }
      if (!near.has_work() && !far.has_work() && !in.step()) break;
    }
    if (hearing) {
      near.cancel(hears);
      while (!hears.reported) near.turn();
    }
    if (sending) {
      far.cancel(sends);
      while (!sends.reported) far.turn();
    }
  }

  world& in;
  program near, far;
  std::string sent, came;
  int end = 1;
};

TEST(simulated_faults, AStreamKeepsEveryByteInOrder) {
  std::size_t whole = 0;
  for (const faults preset : {faults::none, faults::ordinary, faults::rough, faults::hostile}) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      seeded_world w(seed, preset);
      const transfer t(w);
      ASSERT_EQ(t.came, t.sent.substr(0, t.came.size())) << "seed " << seed;
      if (preset <= faults::ordinary) {
        ASSERT_EQ(t.came.size(), transfer::size) << "seed " << seed;
      }
      whole += t.came.size() == transfer::size;
    }
  }
  EXPECT_GT(whole, 130u);
}

TEST(simulated_faults, AnEqualSeedIsAnEqualTrace) {
  std::vector<std::uint64_t> all;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::uint64_t hashes[2];
    for (std::uint64_t& hash : hashes) {
      seeded_world w(seed, faults::hostile);
      const transfer t(w);
      hash = w.in->events_seen().hash();
    }
    EXPECT_EQ(hashes[0], hashes[1]) << "seed " << seed;
    all.push_back(hashes[0]);
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end()) << "seeds differ";
}

TEST(simulated_faults, EveryFamilyOfTheKernelComesTrue) {
  std::array<unsigned, detail::label_count> met{};
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    seeded_world w(seed, faults::hostile);
    w.open.set_rate(fault::corruption, 50'000);
    w.open.set_rate(fault::resources, 50'000);
    w.open.set_rate(fault::hang, 50'000);
    w.open.set_rate(fault::no_space, 50'000);
    w.open.set_rate(fault::disk_error, 50'000);
    w.open.set_rate(fault::sync_error, 50'000);
    {
      const transfer t(w);
    }
    w.a->kill();
    w.b->kill();
    program p(*w.a);
    const int file = p.open("/file", O_RDWR | O_CREAT);
    if (file >= 0) {
      for (int i = 0; i < 20; ++i) p.write(file, std::string(300, 'x'));
      request r = asking(verb::read, file, nullptr, 10);
      char text[10];
      r.address = reinterpret_cast<std::uintptr_t>(text);
      r.offset = 0;
      r.through = nature::file;
      p.finish(r);
      p.finish(asking(verb::sync, file));
    }
    for (const char* other : {"/a", "/b"}) p.open(other, O_RDWR | O_CREAT);
    char listed[400];
    const int root = p.open("/", O_RDONLY);
    if (root >= 0) {
      p.finish(asking(verb::list, root, listed, sizeof listed));
      p.finish(asking(verb::sync, root));
    }
    if (file >= 0) p.write(file, "not synced");
    std::array<asked, 4> at_once;
    for (asked& o : at_once) p.begin(o);
    for (asked& o : at_once) p.finish(o);
    for (const char* host : {"b", "localhost"}) {
      detail::name_query q;
      q.host = host;
      p.finish(asking(verb::look_up, -1, &q));
    }
    request work = asking(verb::call, -1);
    work.address = reinterpret_cast<std::uintptr_t>(+[](void*) { return 0; });
    p.finish(work);
    const int one = p.socket(SOCK_DGRAM);
    if (one >= 0 && p.connect(one, *w.b, 9) == 0) {
      for (int i = 0; i < 5; ++i) p.say(one, "datagram");
    }
    int both[2] = {-1, -1};
    request pair = asking(verb::pair, AF_UNIX, both);
    pair.options = SOCK_STREAM;
    if (p.ask(pair) == 0) {
      char byte;
      for (int i = 0; i < 4; ++i) {
        asked waits(asking(verb::receive, both[0], &byte, 1));
        p.begin(waits);
        p.turn();
        p.turn();
        if (waits.reported) continue;
        p.ask(asking(verb::send, both[1], "x", 1));
        p.cancel(waits);
        p.finish(waits);
      }
    }
    w.a->cut_power();
    p.turn();
    for (const detail::choice& c : w.open.taken()) ++met[c.label];
  }
  for (const label l : {label::net_delay,          label::net_lost,
                        label::net_unreachable,    label::stream_short_read,
                        label::stream_short_write, label::stream_reset,
                        label::stream_told,        label::report_order,
                        label::cancel_race,        label::cancel_late,
                        label::list_order,         label::pool_time,
                        label::datagram_lost,      label::datagram_twice,
                        label::datagram_late,      label::connect_refused,
                        label::connect_hangs,      label::disk_delay,
                        label::disk_slow,          label::disk_slow_by,
                        label::name_fails,         label::name_late,
                        label::name_order,         label::out_of_descriptors,
                        label::disk_full,          label::disk_error,
                        label::disk_error_at,      label::disk_corrupt,
                        label::sync_error,         label::power_names,
                        label::power_page,         label::port}) {
    EXPECT_GT(met[static_cast<std::size_t>(l)], 0u) << detail::facts_of(l).text;
  }
}

}  // namespace
}  // namespace eddy::test
