#include "app/finetune/writing_rank.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/sdk/app/message_group.hpp"

namespace strata::app {
namespace {

// Gathers units that have three numbers, and notes them.
struct Gathered {
  std::vector<std::uint32_t> units;
  std::vector<float> values;
  GatherUnit gather() {
    return [this](std::uint32_t unit) -> std::span<const float> {
      units.push_back(unit);
      values.assign(3, static_cast<float>(unit));
      return values;
    };
  }
};

}  // namespace

TEST_CASE("all ranks gather the units that rank 0 asks for, in its order") {
  std::deque<std::string> messages;
  test::MessageGroup first(messages, 0, 2), second(messages, 1, 2);
  Gathered here, there;
  WritingRank writing(first, here.gather());
  CHECK(writing.values(0)[2] == 0);
  CHECK(writing.values(3)[2] == 3);
  CHECK(writing.values(3)[0] == 3);
  writing.still_writing();
  CHECK(writing.values(1)[0] == 1);
  CHECK(writing.values(3)[1] == 3);
  writing.end();
  follow_writing(second, there.gather());
  CHECK(here.units == std::vector<std::uint32_t>{0, 3, 1, 3});
  CHECK(there.units == here.units);
  CHECK(messages.empty());
}

TEST_CASE("a rank that waits for rank 0's writing refuses other messages") {
  for (const auto* text : {"", "-1", "3x", "99999999999"}) {
    std::deque<std::string> messages{"wait", text};
    test::MessageGroup second(messages, 1, 2);
    Gathered there;
    CAPTURE(text);
    CHECK_THROWS_AS(follow_writing(second, there.gather()), Error);
    CHECK(there.units.empty());
  }
}

}  // namespace strata::app
