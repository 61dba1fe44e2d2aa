// What follows from a run that has failed: it is made small, kept in a file, reported.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include <eddy/simulation/detail/test_hooks.h>

#include "simulation/report.h"
#include "simulation/search.h"
#include "simulation/shrink.h"

namespace eddy::detail {
namespace {

constexpr int tries_to_differ = 8;
constexpr std::size_t common_events = 20;
constexpr std::chrono::seconds most_shrink_time(60);

/// A word as a shell takes it.
std::string shell_text(const std::string& word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) || std::strchr("-_./=:,+@%", c);
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// The program, as it was called. (Where a framework says how to run one test, without what was asked
/// of the framework.)
std::string program_text() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::string text, word;
  while (std::getline(in, word, '\0')) {
    if (!text.empty() && installed_test_hooks) break;
    text += (text.empty() ? "" : " ") + shell_text(word);
  }
  return text.empty() ? "the-program" : text;
}

std::string file_text(const std::string& name, std::uint64_t seed) {
  std::string text = name.empty() ? "simulation" : name;
  for (char& c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
  }
  return text + "-" + std::to_string(seed) + ".choices";
}

}  // namespace

std::string search::command(const std::string& variable) const {
  const std::size_t equals = variable.find('=') + 1;
  std::string text =
      variable.substr(0, equals) + shell_text(variable.substr(equals)) + " " + program_text();
  if (installed_test_hooks) {
    const std::string arguments = installed_test_hooks->arguments();
    if (!arguments.empty()) text += " " + arguments;
  }
  return text;
}

std::string search::keep(const recording& r, std::string& remark) const {
  const std::string folder = wishes_.folder.empty() ? "" : wishes_.folder + "/";
  std::string path = folder + file_text(name_, r.seed);
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text_of(r);
  out.close();
  if (out) return path;
  remark = "the recording could not be written to " + path + ": " +
           std::generic_category().message(errno);
  return "";
}

void search::failed(const choice_source& source) {
  const run_failure failure = run_.failure();
  recording kept = run_.choice.record();
  kept.name = name_;
  report_facts facts;
  facts.name = name_;
  facts.faults = kept.choices.size();
  facts.choices = run_.choice.drawn();
  facts.failed_at = failure.time;

  const bool given = source.from == choice_source::kind::recorded;
  const auto run_with = [&](const std::vector<recorded_choice>& choices, bool explained) {
    recording candidate;
    candidate.seed = kept.seed;
    candidate.choices = choices;
    once({.from = choice_source::kind::recorded,
          .seed = kept.seed,
          .recorded = &candidate,
          .strict = false},
         explained);
    return run_.failure().kind && run_.failure() == failure;
  };
  bool again = true;
  if (options_.shrink_runs && !given) {
    const auto begun = std::chrono::steady_clock::now();
    shrinker small(
        kept.choices,
        [&](std::vector<recorded_choice>& choices) {
          if (std::chrono::steady_clock::now() - begun > most_shrink_time) return false;
          if (!run_with(choices, false)) return false;
          choices = run_.choice.record().choices;
          return true;
        },
        options_.shrink_runs);
    again = small.run();
    if (again) kept.choices = small.best();
    facts.shrink_runs = small.runs();
    facts.shrink_time = (std::chrono::steady_clock::now() - begun).count();
  }
  if (given) {
    again = !once(source, true) && run_.failure() == failure;
  } else {
    again = run_with(kept.choices, true) && again;
  }
  if (!again) {
    facts.remark =
        "(It did not fail in the same way again: the program reaches outside of the simulation, by "
        "clocks, randomness, addresses or what earlier runs have left.)";
  }
  std::string file;
  if (!given) file = keep(kept, facts.remark);
  if (given) file = wishes_.recording;
  facts.again = command(given || (!kept.seed && !kept.choices.empty())
                            ? "EDDY_SIMULATION=" + file
                            : "EDDY_SEED=" + std::to_string(kept.seed));
  if (!given && !file.empty()) facts.shorter = command("EDDY_SIMULATION=" + file);
  if (!run_.failed())
    run_.fail(failure.kind, failure.text, failure.file, failure.line, failure.details);
  throw simulation_failure(full_report(run_, facts), kept.seed, kept.choices.size(),
                           failure.reason(), text_of(kept));
}

// ---- Not the same twice ----

void search::not_the_same(const choice_source& source) {
  std::string lines =
      "  the trace of seed " + std::to_string(source.seed) +
      " differs from its repetition: the program reaches outside of the simulation, "
      "by clocks,\n  randomness, addresses, threads or what earlier runs have left\n";
  for (int i = 0; i < tries_to_differ; ++i) {
    const bool first_good = once(source, true);
    const std::string first_reason = first_good ? "it went well" : run_.failure().reason();
    const std::vector<told_event> first = run_.told();
    const recording first_choices = run_.choice.record();
    const std::uint64_t hash = run_.trace_hash();
    const bool second_good = once(source, true);
    if (first_good == second_good && run_.trace_hash() == hash) continue;
    const std::vector<told_event>& second = run_.told();
    const auto same = [](const told_event& a, const told_event& b) {
      return a.time == b.time && a.host == b.host && a.text == b.text;
    };
    const auto at = std::mismatch(first.begin(), first.end(), second.begin(), second.end(), same);
    const auto common = static_cast<std::size_t>(at.first - first.begin());
    lines += trace_text({first.begin(), at.first}, common_events);
    const auto next = [](auto here, auto end) {
      return here == end ? std::string("  (nothing more)\n") : trace_text({*here}, 1);
    };
    if (at.first != first.end() || at.second != second.end()) {
      lines += "  the first difference, after " + count_text(common, "event", "events") +
               "; once:\n" + next(at.first, first.end()) + "  and once:\n" +
               next(at.second, second.end());
    }
    const std::vector<recorded_choice> other = run_.choice.record().choices;
    const auto choice = std::mismatch(first_choices.choices.begin(), first_choices.choices.end(),
                                      other.begin(), other.end());
    const auto which = [](auto here, auto end) {
      if (here == end) return std::string("  (no other)\n");
      recording one;
      one.choices = {*here};
      const std::string text = text_of(one);
      return "     " + text.substr(text.find('\n', text.find('\n') + 1) + 1);
    };
    if (choice.first != first_choices.choices.end() || choice.second != other.end()) {
      lines += "  the first choice that differs; once:\n" +
               which(choice.first, first_choices.choices.end()) + "  and once:\n" +
               which(choice.second, other.end());
    }
    if (!first_good || !second_good) {
      lines += "  once: " + first_reason + "; and once: " +
               (second_good ? std::string("it went well") : run_.failure().reason()) + "\n";
    }
    break;
  }
  const std::string title = "eddy: simulation " + name_ + (name_.empty() ? "" : " ") +
                            "failed: seed " + std::to_string(source.seed) +
                            ", not the same twice\n" + lines +
                            "  again: " + command("EDDY_SEED=" + std::to_string(source.seed));
  throw simulation_failure(title, source.seed, run_.choice.taken().size(),
                           "not the same twice: the trace differs from its repetition",
                           text_of(run_.choice.record()));
}

// ---- All runs ----

void search::report_all(const std::string& reason, const std::string& lines) {
  throw simulation_failure("eddy: simulation " + name_ + (name_.empty() ? "" : " ") +
                               "failed, after " + count_text(sums_.runs, "run", "runs") + "\n" +
                               lines.substr(0, lines.size() - 1),
                           0, 0, reason, "");
}

}  // namespace eddy::detail
