#include "text/sentencepiece.hpp"

#include <bit>
#include <cmath>
#include <functional>

#include "core/error.hpp"
#include "core/utf8.hpp"

namespace strata::text {
namespace {

// A protocol buffer's message, field by field.
class Message {
 public:
  Message(std::string_view bytes, const std::string& file) : rest_(bytes), file_(file) {}

  // A field: its number, and its value as the kind of its wire type.
  struct Field {
    uint64_t number = 0;
    uint64_t value = 0;      // of a number
    std::string_view bytes;  // of a field with a length
  };

  // False at the end.
  bool next(Field& field) {
    if (rest_.empty()) return false;
    const auto tag = varint();
    field = {tag >> 3, 0, {}};
    switch (tag & 7) {
      case 0:
        field.value = varint();
        return true;
      case 1:
        field.bytes = take(8);
        return true;
      case 2:
        field.bytes = take(varint());
        return true;
      case 5:
        field.bytes = take(4);
        for (int i = 3; i >= 0; --i)
          field.value = field.value << 8 |
                        static_cast<unsigned char>(field.bytes[static_cast<std::size_t>(i)]);
        return true;
      default:
        refuse("it has a field of wire type " + std::to_string(tag & 7));
    }
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(file_, "no sentencepiece model: " + what, "give the model's own tokenizer.model");
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    refuse("a number is too long");
  }

  std::string_view take(uint64_t size) {
    if (size > rest_.size()) refuse("it ends inside a field");
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  const std::string& file_;
};

// Negative 32-bit numbers are written as 64-bit ones.
int64_t signed_value(uint64_t value) { return static_cast<int32_t>(static_cast<uint32_t>(value)); }

void read_piece(Message message, SentencePieceModel& model) {
  std::string_view piece;
  float score = 0;
  uint64_t kind = SentencePieceModel::normal;
  for (Message::Field field; message.next(field);) {
    if (field.number == 1) piece = field.bytes;
    if (field.number == 2) score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
    if (field.number == 3) kind = field.value;
  }
  const auto name = "piece " + std::to_string(model.pieces.size());
  if (piece.empty()) message.refuse(name + " is empty");
  if (invalid_utf8(piece)) message.refuse(name + " is not UTF-8");
  if (std::isnan(score)) message.refuse(name + " has no number as its score");
  if (kind < SentencePieceModel::normal || kind > SentencePieceModel::byte)
    message.refuse(name + " is of an unknown kind");
  model.pieces.emplace_back(piece);
  model.scores.push_back(score);
  model.kinds.push_back(kind);
}

void read_trainer(Message message, SentencePieceModel& model) {
  for (Message::Field field; message.next(field);) {
    switch (field.number) {
      case 3:
        model.type = field.value;
        break;
      case 35:
        model.byte_fallback = field.value != 0;
        break;
      case 40:
        model.unk_id = signed_value(field.value);
        break;
      case 41:
        model.bos_id = signed_value(field.value);
        break;
      case 42:
        model.eos_id = signed_value(field.value);
        break;
      case 45:
        model.unk_piece = field.bytes;
        break;
      case 46:
        model.bos_piece = field.bytes;
        break;
      case 47:
        model.eos_piece = field.bytes;
        break;
      default:
        break;  // training settings
    }
  }
}

void read_normalizer(Message message, SentencePieceModel& model) {
  for (Message::Field field; message.next(field);) {
    if (field.number == 2) model.charsmap = field.bytes;
    if (field.number == 3) model.add_dummy_prefix = field.value != 0;
    if (field.number == 4) model.remove_extra_whitespaces = field.value != 0;
    if (field.number == 5) model.escape_whitespaces = field.value != 0;
  }
}

}  // namespace

SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file) {
  SentencePieceModel model;
  Message message(bytes, file);
  for (Message::Field field; message.next(field);) {
    const Message inner(field.bytes, file);
    if (field.number == 1) read_piece(inner, model);
    if (field.number == 2) read_trainer(inner, model);
    if (field.number == 3) read_normalizer(inner, model);
  }
  if (model.pieces.empty()) message.refuse("it has no pieces");
  if (model.type != SentencePieceModel::unigram && model.type != SentencePieceModel::bpe)
    message.refuse("its model is neither Unigram nor BPE");
  const auto size = static_cast<int64_t>(model.pieces.size());
  if (model.unk_id < 0 || model.unk_id >= size) message.refuse("its unk_id has no piece");
  for (const auto* text : {&model.unk_piece, &model.bos_piece, &model.eos_piece})
    if (invalid_utf8(*text)) message.refuse("a special piece is not UTF-8");
  return model;
}

}  // namespace strata::text
