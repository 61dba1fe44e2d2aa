// The one source of everything that a run leaves open. Private.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/simulation/fault.h>

#include "simulation/labels.h"
#include "simulation/recording.h"

namespace eddy::detail {

/// A place at which an enumerated run leaves the ordinary world: the `place`-th choice of the run.
struct deviation {
  std::uint64_t place = 0;
  unsigned corner = 0;
  unsigned corners = 0;  // how many there are, once the run was there
};

/// What the choices of a run come from.
struct choice_source {
  enum class kind : std::uint8_t { ordinary, seeded, recorded, enumerated, bytes };
  kind from = kind::ordinary;
  std::uint64_t seed = 0;                // recorded too: says which families are on
  const recording* recorded = nullptr;   // outlives the run
  bool strict = false;                   // what does not fit is a mismatch, not 0
  std::span<deviation> deviations = {};  // in order
  std::span<const unsigned char> bytes = {};
};

/// A choice that was not 0.
struct choice {
  std::int64_t time = 0;
  std::uint64_t bound = 0;
  std::uint64_t value = 0;
  std::uint32_t k = 0;
  std::uint32_t label = 0;  // an index: below label_count a built-in one, else the user's
  std::uint32_t host = 0;
};

/// Kept from run to run, so that it allocates for the first ones only.
///
/// A value depends on the seed, host, label and how often that label was drawn there, and on nothing
/// else: what is drawn elsewhere, or more, moves no other choice. Each draw is counted, also where
/// the family is off.
class choices {
 public:
  choices();

  /// A new run: no hosts but the world (number 0), nothing drawn.
  void begin(const choice_source&, faults preset, bool swarm);

  /// Its number. Names are unlike each other.
  unsigned add_host(std::string_view name);
  const std::string& host_name(unsigned host) const noexcept { return hosts_[host].name; }

  /// 0 … bound - 1. Where the label's family is off: 0. (bound 0 counts as 1.)
  std::uint64_t draw(unsigned host, label l, std::uint64_t bound) {
    if (bound <= 1) return 0;
    const auto index = static_cast<std::uint32_t>(l);
    host_state& at = hosts_[host];
    const std::uint32_t k = at.counts[index]++;
    const label_facts& facts = all_labels[index];
    const std::uint64_t threshold = thresholds_[facts.family];
    if (!threshold) return 0;
    const std::uint64_t key = key_of(at.hash, label_hashes_[index], k);
    ++drawn_;
    if (kind_ == choice_source::kind::seeded) {
      const std::uint64_t random = mix(key ^ seed_);
      if (facts.at_rate && (random >> 1) >= threshold) return 0;
      return keep(host, index, k, bound, seeded_value(random, bound, facts.at_rate), key);
    }
    return other_draw(host, index, k, bound, key);
  }
  bool chance(unsigned host, label l) { return draw(host, l, 2) != 0; }
  /// Can the family come true at all? (What only asks now and then need not ask else.)
  bool is_on(fault f) const noexcept { return thresholds_[family(f)] != 0; }

  /// The user's own, by any text.
  std::uint64_t draw(unsigned host, std::string_view text, std::uint64_t bound);
  bool chance(unsigned host, std::string_view text, std::uint32_t ppm);

  /// Of one family from now on, whatever preset and swarm say.
  void set_rate(fault, std::uint32_t ppm) noexcept;
  /// Every family off, for good.
  void calm() noexcept;
  std::uint32_t rate(fault f) const noexcept;

  std::int64_t now = 0;  // virtual time: what draws sets it

  /// The run so far.
  std::span<const choice> taken() const noexcept { return taken_; }
  const char* label_text(std::uint32_t label) const noexcept;
  std::uint64_t drawn() const noexcept { return drawn_; }
  std::uint64_t hash() const noexcept { return hash_; }
  recording record() const;
  /// As a line of a report: "power.cut", "disk.names keeps 1 of 2".
  std::string phrase(const choice&) const;

  /// How many of the source's deviations the run came to.
  std::size_t deviations_met() const noexcept { return met_; }
  /// Why the recording does not fit, "": it does. `ended`: the run was whole, and all of it was to be
  /// asked for.
  std::string mismatch(bool ended) const;

 private:
  struct host_state {
    std::string name;
    std::uint64_t hash = 0;
    std::array<std::uint32_t, label_count> counts{};
  };
  struct user_count {
    std::uint64_t key = 0;
    std::uint32_t run = 0;
    std::uint32_t count = 0;
    std::uint32_t label = 0;
  };
  struct expected {
    std::uint64_t key = 0;
    std::uint32_t index = 0;  // in the recording
    std::uint32_t run = 0;
    bool asked = false;
  };

  static std::uint64_t key_of(std::uint64_t host, std::uint64_t label, std::uint32_t k) noexcept {
    return (host ^ label) + golden * (std::uint64_t{k} + 1);
  }
  static std::uint64_t seeded_value(std::uint64_t random, std::uint64_t bound, bool not_0) noexcept;
  std::uint64_t keep(unsigned host, std::uint32_t label, std::uint32_t k, std::uint64_t bound,
                     std::uint64_t value, std::uint64_t key);
  std::uint64_t other_draw(unsigned host, std::uint32_t label, std::uint32_t k, std::uint64_t bound,
                           std::uint64_t key);
  std::uint64_t recorded_value(std::uint64_t bound, std::uint64_t key);
  std::uint64_t next_bytes(std::uint64_t bound) noexcept;
  user_count& count_of(unsigned host, std::string_view text, std::uint64_t hash);
  void expect(const recording&);
  expected* find_expected(std::uint64_t key) noexcept;

  choice_source source_;
  choice_source::kind kind_ = choice_source::kind::ordinary;
  std::uint64_t seed_ = 0;
  // Of 2^63: at what share of its occasions a family comes true. The last one: of no family.
  std::array<std::uint64_t, fault_count + 1> thresholds_{};
  std::array<std::uint64_t, label_count> label_hashes_{};
  std::vector<host_state> hosts_;
  unsigned host_count_ = 0;
  std::vector<choice> taken_;
  std::uint64_t drawn_ = 0;
  std::uint64_t hash_ = 0;
  bool calm_ = false;

  std::uint32_t run_ = 0;  // marks what tables hold of this run
  std::vector<user_count> user_counts_;
  std::size_t user_counted_ = 0;
  std::vector<std::string> user_labels_;
  std::vector<expected> expected_;
  std::string mismatch_;
  std::size_t met_ = 0;
  std::size_t byte_ = 0;
};

/// The values that an enumerated run tries in place of 0.
unsigned corners_of(std::uint64_t bound) noexcept;
std::uint64_t corner_of(std::uint64_t bound, unsigned corner) noexcept;

}  // namespace eddy::detail
