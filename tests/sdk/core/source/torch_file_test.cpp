#include "core/source/torch_file.hpp"

#include <catch2/catch.hpp>
#include <regex>

#include "core/source/import.hpp"
#include "tests/sdk/core/source/expected.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata;

namespace {

const made::Folder& written() {
  static const made::Folder folder;
  static const bool once = (made::python("make_torch.py", {folder.path()}), true);
  (void)once;
  return folder;
}

Json expected(const std::string& name) {
  return parse_json(made::read(written().path(name + ".json")), name);
}

}  // namespace

TEST_CASE("a file of torch.save is tensor for tensor what torch.load reads", "[source][torch]") {
  const auto* name =
      GENERATE("zip 2", "zip 3", "zip 4", "zip 5", "legacy 2", "legacy 3", "legacy 4", "legacy 5",
               "module", "nested", "state", "sharded", "zip64");
  INFO(name);
  const auto checkpoint = source::Checkpoint::open(written().path(name));
  made::check_equal(checkpoint, expected(name));
  REQUIRE(checkpoint.files().size() == (std::string(name) == "sharded" ? 2 : 1));
}

TEST_CASE("what torch.save wrote is imported tensor for tensor", "[source][torch][import]") {
  const std::string name = GENERATE("zip 2", "legacy 2", "sharded", "turned", "turned legacy");
  const made::Folder folder;
  source::import_checkpoint(source::Checkpoint::open(written().path(name)), folder.path("out"), {});
  made::check_equal(source::Checkpoint::open(folder.path("out")), expected(name));
}

TEST_CASE("safetensors go before torch.save's files", "[source][torch][checkpoint]") {
  const made::Folder folder;
  folder.write("config.json", "{}");
  folder.write("pytorch_model.bin", "no model");
  folder.write("model.safetensors", made::safetensors("{}", 0));
  REQUIRE(source::Checkpoint::open(folder.path()).tensors().empty());
}

TEST_CASE("a file that torch.save did not write so is refused with one line", "[source][torch]") {
  struct Row {
    std::string name, line;
  };
  const std::string damaged = ": the file is damaged; fetch it again";
  const std::string cut = ": the file is cut short; fetch it again";
  const std::string foreign =
      " is no part of a checkpoint: save a plain state dict of tensors, or convert it to "
      "safetensors";
  const auto row = GENERATE_COPY(values<Row>({
      {"a list", "holds no state dict of tensors: save the model's state_dict()"},
      {"a module", "pickle at byte 2: global 'torch.nn.modules.linear.Linear'" + foreign},
      {"a tensor", "holds no state dict of tensors: save the model's state_dict()"},
      {"big-endian", "its bytes are not little-endian: save the model on a little-endian machine"},
      {"complex", "pickle at byte 64: global 'torch.ComplexFloatStorage'" + foreign},
      {"compressed",
       "entry 'archive/data.pkl' is compressed: save the model again with torch.save"},
      {"cut in the data", "has no zip directory" + cut},
      {"cut", "has no zip directory" + cut},
      {"cut out",
       "tensor 'a' of [2,3] has strides [6,1]: its elements do not lie together: save it with "
       ".contiguous()"},
      {"dict among tensors",
       "holds tensors both in a dict and in one inside of it: save one plain state dict"},
      {"directory cut", "its zip directory does not fit" + damaged},
      {"directory of 2^31 bytes", "its zip directory does not fit" + damaged},
      {"empty", "is not a file of torch.save: check the path"},
      {"encrypted", "entry 'archive/data.pkl' is encrypted: save the model without a password"},
      {"entry beyond", "entry 'archive/data.pkl' lies beyond the zip directory" + damaged},
      {"entry elsewhere", "entry 'archive/data.pkl' is not where the zip directory says" + damaged},
      {"executed", "pickle at byte 2: global '__builtin__.print'" + foreign},
      {"expanded",
       "tensor 'a' of [2,3] has strides [0,1]: its elements do not lie together: save it with "
       ".contiguous()"},
      {"legacy big-endian",
       "its bytes are not little-endian: save the model on a little-endian machine"},
      {"legacy cut in the pickle", "pickle at byte 32: it ends too early" + cut},
      {"legacy cut", "storage 'KEY' ends beyond the file" + cut},
      {"legacy of other magic", "is not a file of torch.save: check the path"},
      {"legacy of two sizes", "storage 'KEY' has two sizes" + damaged},
      {"no pickle", "is a zip file without one data.pkl: save the model with torch.save"},
      {"no storage", "tensor 'b' has storage '1', which is not there" + damaged},
      {"no tensors", "holds no state dict of tensors: save the model's state_dict()"},
      {"number for a name", "a tensor's name is not text" + damaged},
      {"on top", "two entries lie on top of each other" + damaged},
      {"past the directory", "entry 'archive/data.pkl' lies beyond the zip directory" + damaged},
      {"sparse", "pickle at byte 13: global 'torch._utils._rebuild_sparse_tensor'" + foreign},
      {"storage too short", "tensor 'b' has a storage of 6 elements in 8 bytes" + damaged},
      {"text", "is not a file of torch.save: check the path"},
      {"turned in three",
       "tensor 'a' of [4,3,2] has strides [1,4,12]: its elements do not lie together: save it with "
       ".contiguous()"},
      {"twice", "entry 'archive/data/1' occurs twice" + damaged},
      {"two dicts", "holds two state dicts: save one plain state dict"},
      {"two sizes", "entry 'archive/data.pkl' has two sizes" + damaged},
      {"wide and cut", "its zip64 end record is not there" + damaged},
      {"wide field cut", "entry 'archive/data.pkl' has a broken extra field" + damaged},
      {"wide field too long", "entry 'archive/data.pkl' has a broken extra field" + damaged},
      {"wide without room", "entry 'archive/data.pkl' lies beyond the zip directory" + damaged},
  }));
  INFO(row.name);
  const auto& folder = written();
  const auto line = made::refusal(
      folder, [&] { source::Checkpoint::open(folder.path("refused/" + row.name + ".bin")); });
  // A legacy storage's key is an address.
  REQUIRE(std::regex_replace(line, std::regex("[0-9]{10,}"), "KEY") ==
          "DIR/refused/" + row.name + ".bin: " + row.line);
}
