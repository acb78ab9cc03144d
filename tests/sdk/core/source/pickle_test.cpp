#include "core/source/pickle.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"

using namespace strata;
using namespace std::string_literals;

namespace {

std::string refused(const std::string& bytes) {
  try {
    source::parse_pickle(bytes, "x");
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("an opcode or global that no tensor needs is refused by name", "[source][pickle]") {
  const std::string foreign =
      " is no part of a checkpoint: save a plain state dict of tensors, or convert it to "
      "safetensors";
  const auto at = [](int byte) { return "x: pickle at byte " + std::to_string(byte) + ": "; };
  REQUIRE(refused("\x80\x02"s + "cos\nsystem\nq\0."s) == at(2) + "global 'os.system'" + foreign);
  REQUIRE(refused("\x80\x04\x8c\x02os\x8c\x06system\x93."s) ==
          at(14) + "global 'os.system'" + foreign);
  REQUIRE(refused("ctorch\nload\n.") == at(0) + "global 'torch.load'" + foreign);
  REQUIRE(refused("c__builtin__\neval\n.") == at(0) + "global '__builtin__.eval'" + foreign);
  REQUIRE(refused("ccollections\nOrderedDict\n)\x81."s) == at(26) + "opcode NEWOBJ" + foreign);
  REQUIRE(refused("(ios\nsystem\n.") == at(1) + "opcode INST" + foreign);
  REQUIRE(refused("\x82\x01."s) == at(0) + "opcode EXT1" + foreign);
  REQUIRE(refused("}(K\1o.") == at(4) + "opcode OBJ" + foreign);
  REQUIRE(refused("\xff") == at(0) + "opcode 0xff" + foreign);
}

TEST_CASE("a broken pickle is refused with one line", "[source][pickle]") {
  struct Row {
    std::string what, bytes, line;
  };
  const std::string damaged = ": the file is damaged; fetch it again";
  const std::string ends = "it ends too early: the file is cut short; fetch it again";
  const std::string foreign = ": save a plain state dict of tensors, or convert it to safetensors";
  const std::string storage =
      "(X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\4tQ"s;
  const std::string tensor = "ctorch._utils\n_rebuild_tensor_v2\n("s + storage;
  const auto row = GENERATE_COPY(values<Row>({
      {"empty", "", "0: " + ends},
      {"no end", "N", "1: " + ends},
      {"nothing", ".", "0: the stack is empty" + damaged},
      {"protocol 9", "\x80\x09N.", "0: protocol 9 is not 2 to 5" + foreign},
      {"long text", "X\xff\xff\xff\xff"s, "0: " + ends},
      {"name without end", "cos", "0: a name does not end" + damaged},
      {"no mark", "t.", "0: a mark is missing" + damaged},
      {"below the mark", "N(\x85."s, "2: the stack is empty" + damaged},
      {"empty memo", "h\3.", "0: memo 3 is empty" + damaged},
      {"memo bomb", "Nr\xff\xff\xff\xff."s, "1: a memo of 4294967295" + damaged},
      {"key without value", "}(K\1u.", "4: a key has no value" + damaged},
      {"items to a number", "K\1(K\1e.", "5: items are added to what holds none" + damaged},
      {"items to a tuple", ")(K\1e.", "4: items are added to what holds none" + damaged},
      {"attributes of a tuple", ")}b.", "2: attributes of what has none" + foreign},
      {"a name that is no text", "K\1K\1\x93."s, "4: a name has another type" + damaged},
      {"a call of a number", "K\1)R.", "3: a call that no checkpoint makes" + foreign},
      {"a call without tuple", "ccollections\nOrderedDict\nNR.",
       "26: a call's arguments are no tuple" + damaged},
      {"a dict of arguments", "ccollections\nOrderedDict\nN\x85R."s,
       "27: a call that no checkpoint makes" + foreign},
      {"persistent id a text", "X\1\0\0\0aQ."s, "6: a persistent id has another type" + damaged},
      {"persistent id short", ")Q.", "1: a storage's type is not what a checkpoint has" + damaged},
      {"tensor of nothing", "ctorch._utils\n_rebuild_tensor_v2\n)R.",
       "34: a tensor's description is not what a checkpoint has" + damaged},
      {"parameter of nothing", "ctorch._utils\n_rebuild_parameter\n)R.",
       "34: a parameter is not what a checkpoint has" + damaged},
      {"a negative dimension", tensor + "K\0J\xff\xff\xff\xff\x85K\1\x85tR."s,
       "97: a tensor's description has a number out of range" + damaged},
      {"shape and strides apart", tensor + "K\0K\1\x85)tR."s,
       "92: a tensor's description is not what a checkpoint has" + damaged},
      {"an offset past 64 bits", tensor + "\x8a\x09"s + "123456789K\4\x85K\1\x85tR."s,
       "103: a tensor's description is not what a checkpoint has" + damaged},
      {"many values", std::string((1 << 20) + 1, 'N'),
       "1048576: more than 1048576 values" + foreign},
      {"deep marks", std::string((1 << 16) + 1, '('), "65536: nested too deeply" + foreign},
  }));
  INFO(row.what);
  REQUIRE(refused(row.bytes) == "x: pickle at byte " + row.line);
}

TEST_CASE("values that hold themselves or lie deep are no trouble", "[source][pickle]") {
  REQUIRE(source::parse_pickle("]q\0h\0a."s, "x").values.size() == 1);
  const auto deep = std::string(")") + std::string(100000, '\x85') + ".";
  REQUIRE(source::parse_pickle(deep, "x").values.size() == 100001);
}
