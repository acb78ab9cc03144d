#include "tests/conformance/report.hpp"

#include <unistd.h>

#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;

void line(const json& object) {
  if (report_descriptor() < 0) return;
  const auto text = object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  if (::write(report_descriptor(), text.data(), text.size()) < 0) report_descriptor() = -1;
}

// The rule is a test case; its words are the first promise that was broken.
struct Report : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& rule) override {
    TestEventListenerBase::testCaseStarting(rule);
    words_.clear();
    line({{"name", rule.name}});
  }
  bool assertionEnded(const Catch::AssertionStats& stats) override {
    const auto& result = stats.assertionResult;
    if (result.isOk() || !words_.empty()) return true;
    // The messages include the result's own, which stands at the end.
    for (const auto& info : stats.infoMessages)
      if (info.type == Catch::ResultWas::Info) words_ += info.message + ": ";
    // An exception outside an assertion has no macro, and the last assertion's line.
    const bool outside = result.getTestMacroName().empty();
    if (!outside && result.hasExpression()) words_ += result.getExpressionInMacro();
    if (result.hasExpandedExpression() && result.getExpandedExpression() != result.getExpression())
      words_ += " is " + result.getExpandedExpression();
    if (result.hasMessage())
      words_ += (outside || !result.hasExpression() ? "" : ": ") + std::string(result.getMessage());
    const std::string file = result.getSourceInfo().file;
    std::ranges::replace(words_, '\n', ' ');
    words_ += (outside ? " (after " : " (") + file.substr(file.rfind('/') + 1) + ":" +
              std::to_string(result.getSourceInfo().line) + ")";
    return true;
  }
  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    report_rule(stats.testInfo.name, stats.totals.assertions.allOk(), words_);
    TestEventListenerBase::testCaseEnded(stats);
  }

 private:
  std::string words_;
};
CATCH_REGISTER_LISTENER(Report)

}  // namespace

int& report_descriptor() {
  static int descriptor = -1;
  return descriptor;
}

void report_rule(const std::string& name, bool holds, const std::string& words) {
  line({{"name", name}, {"ok", holds}, {"words", words}});
}

int refuse(const std::string& name, const std::string& words) {
  std::cerr << "error: " << name << ": " << words << "\n";
  line({{"name", name}});
  report_rule(name, false, words);
  report_end();
  return 1;
}

void report_end() { line({{"name", "end of the rules"}, {"ok", true}}); }
