// A data file behind one byte that chooses its kind, the parts in which it is read and a chat
// template: its rows are encoded, or refused with an error.
// covers: sdk/data/csv_records.cpp sdk/data/encode_row.cpp sdk/data/json_records.cpp
// covers: sdk/data/messages.cpp sdk/data/preview.cpp sdk/data/renderings.cpp sdk/data/row.cpp
// covers: sdk/data/text_records.cpp sdk/data/turns.cpp
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.hpp"
#include "data/records.hpp"
#include "tests/sdk/data/made.hpp"

using namespace strata;
using namespace strata::data;

namespace {

std::unique_ptr<Records> records_of(ByteInput& input, unsigned kind) {
  if (kind == 0) return json_records(input, "fuzz", false);
  if (kind == 1) return json_records(input, "fuzz", true);
  return kind == 2 ? csv_records(input, "fuzz") : text_records(input, "fuzz");
}

// The last message is rendered otherwise, and so is the last answer's block.
const char* const thinking =
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' and loop.last %}<think>\n\n"
    "</think>{% endif %}{% generation %}{{ m.content | trim }}{{ m.tool_calls }}{% endgeneration %}"
    "{{ '</s>' if loop.last else '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant><think>{% endif %}";

const RowEncoder& encoder_of(bool other, bool all) {
  static const auto first = template_of(chatml), second = template_of(thinking);
  const auto make = [](const text::ChatTemplate& chat, bool whole) {
    auto options = plain_options();
    options.max_length = 200;
    if (whole) options.loss_on = LossOn::all;
    return RowEncoder(
        bytes_tokenizer(), [&chat]() -> const text::ChatTemplate& { return chat; }, options);
  };
  static const RowEncoder encoders[] = {make(first, false), make(second, false), make(first, true),
                                        make(second, true)};
  return encoders[(other ? 1 : 0) + (all ? 2 : 0)];
}

template <class Call>
void tolerate(Call call) {
  try {
    call();
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned choice = data[0];
  TextInput input({reinterpret_cast<const char*>(data + 1), size - 1}, (choice & 4) ? 1 : 1 << 20);
  const auto& encoder = encoder_of((choice & 8) != 0, (choice & 16) != 0);
  tolerate([&] {
    const auto records = records_of(input, choice & 3);
    TokenRows rows;
    for (Record record; records->next(record);) {
      auto copy = record.value;
      tolerate([&] { pair_of(std::move(copy), "row"); });
      tolerate([&] {
        rows.add(encoder.encode(row_of(std::move(record.value), "row")).row);
        marked(rows, rows.size() - 1);
      });
    }
  });
  return 0;
}
