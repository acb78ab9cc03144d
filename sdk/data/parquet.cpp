// Parquet by Arrow: the library that is opened for .parquet files alone.
#include <arrow/array.h>
#include <arrow/extension_type.h>
#include <arrow/io/memory.h>
#include <arrow/memory_pool.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/utf8.hpp"
#include "data/records.hpp"

namespace strata::data {
namespace {

using arrow::Type;

constexpr auto remedy = "write the file again, or as JSON Lines";
constexpr std::int64_t most_memory = std::int64_t{8} << 30;  // of Arrow at a time
constexpr std::int64_t batch_rows = 256;

// The columns that rows are made of. Others are not read; their names stand for them in errors.
constexpr const char* known_columns[] = {
    "messages", "tools",   "documents", "chat_template_kwargs", "conversations", "system",
    "prompt",   "chosen",  "output",    "instruction",          "input",         "completion",
    "text",     "rejected"};

template <class T>
const T& as(const arrow::Array& array) {
  return static_cast<const T&>(array);
}

class ParquetRecords final : public Records {
 public:
  ParquetRecords(ByteInput& input, std::string file)
      : file_(std::move(file)), pool_(arrow::system_memory_pool(), most_memory) {
    for (auto bytes = input.next(); !bytes.empty(); bytes = input.next()) bytes_ += bytes;
    guarded([&] { open(); });
  }

  bool next(Record& record) override {
    return guarded([&] {
      while (!batch_ || row_ == batch_->num_rows()) {
        check(batches_->ReadNext(&batch_));
        row_ = 0;
        if (!batch_) return false;
      }
      record.line = ++line_;
      record.value = OrderedJson::object();
      for (int column = 0; column < batch_->num_columns(); ++column)
        record.value[batch_->column_name(column)] = value(*batch_->column(column), row_);
      for (const auto& name : unread_) record.value[name] = true;
      ++row_;
      return true;
    });
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(line_ == 0 ? file_ : place_of(file_, line_), what, remedy);
  }
  void check(const arrow::Status& status) const {
    if (!status.ok()) fail(status.message());
  }
  template <class T>
  T got(arrow::Result<T> result) const {
    check(result.status());
    return std::move(result).ValueOrDie();
  }
  // Arrow reports some damage by exceptions of its own.
  template <class Call>
  auto guarded(Call call) const -> decltype(call()) {
    try {
      return call();
    } catch (const parquet::ParquetException& error) {
      fail(error.what());
    }
  }

  void need_new(std::set<std::string>& names, const std::string& name) const {
    if (!names.insert(name).second) fail("column '" + printable(name, 60) + "' occurs twice");
  }

  void open() {
    const auto source =
        std::make_shared<arrow::io::BufferReader>(std::make_shared<arrow::Buffer>(bytes_));
    parquet::arrow::FileReaderBuilder builder;
    check(builder.Open(source, parquet::ReaderProperties(&pool_)));
    parquet::ArrowReaderProperties properties(false);
    properties.set_batch_size(batch_rows);
    properties.set_arrow_extensions_enabled(true);
    builder.memory_pool(&pool_)->properties(properties);
    reader_ = got(builder.Build());
    const auto& schema = *reader_->parquet_reader()->metadata()->schema();
    std::set<std::string> names;
    for (int field = 0; field < schema.group_node()->field_count(); ++field)
      need_new(names, schema.group_node()->field(field)->name());
    std::vector<int> columns;
    std::set<std::string> unread;
    for (int leaf = 0; leaf < schema.num_columns(); ++leaf) {
      const auto& name = schema.GetColumnRoot(leaf)->name();
      if (std::ranges::find(known_columns, name) != std::end(known_columns))
        columns.push_back(leaf);
      else if (unread.insert(name).second)
        unread_.push_back(name);
    }
    std::vector<int> groups(static_cast<std::size_t>(reader_->num_row_groups()));
    for (std::size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
    batches_ = got(reader_->GetRecordBatchReader(groups, columns));
  }

  OrderedJson value(const arrow::Array& array, std::int64_t at) const {
    if (array.IsNull(at)) return nullptr;
    switch (array.type_id()) {
      case Type::BOOL:
        return as<arrow::BooleanArray>(array).Value(at);
      case Type::INT8:
        return as<arrow::Int8Array>(array).Value(at);
      case Type::INT16:
        return as<arrow::Int16Array>(array).Value(at);
      case Type::INT32:
        return as<arrow::Int32Array>(array).Value(at);
      case Type::INT64:
        return as<arrow::Int64Array>(array).Value(at);
      case Type::UINT8:
        return as<arrow::UInt8Array>(array).Value(at);
      case Type::UINT16:
        return as<arrow::UInt16Array>(array).Value(at);
      case Type::UINT32:
        return as<arrow::UInt32Array>(array).Value(at);
      case Type::UINT64:
        return as<arrow::UInt64Array>(array).Value(at);
      case Type::FLOAT:
        return as<arrow::FloatArray>(array).Value(at);
      case Type::DOUBLE:
        return as<arrow::DoubleArray>(array).Value(at);
      case Type::STRING:
        return text(as<arrow::StringArray>(array).GetView(at));
      case Type::LARGE_STRING:
        return text(as<arrow::LargeStringArray>(array).GetView(at));
      case Type::STRING_VIEW:
        return text(as<arrow::StringViewArray>(array).GetView(at));
      case Type::LIST:
        return list(as<arrow::ListArray>(array), at);
      case Type::LARGE_LIST:
        return list(as<arrow::LargeListArray>(array), at);
      case Type::FIXED_SIZE_LIST:
        return list(as<arrow::FixedSizeListArray>(array), at);
      case Type::STRUCT:
        return members(as<arrow::StructArray>(array), at);
      case Type::DICTIONARY: {
        const auto& coded = as<arrow::DictionaryArray>(array);
        return value(*coded.dictionary(), coded.GetValueIndex(at));
      }
      case Type::EXTENSION:
        return extended(as<arrow::ExtensionArray>(array), at);
      default:
        fail("a value of type " + array.type()->ToString() + " cannot be read");
    }
  }

  OrderedJson text(std::string_view text) const {
    if (invalid_utf8(text)) fail("a text is not UTF-8");
    if (text.size() > longest_record) fail("a text has more than 64 MiB");
    return std::string(text);
  }

  template <class List>
  OrderedJson list(const List& array, std::int64_t at) const {
    auto out = OrderedJson::array();
    const std::int64_t first = array.value_offset(at);
    const auto& values = *array.values();
    for (std::int64_t i = 0; i < array.value_length(at); ++i)
      out.push_back(value(values, first + i));
    return out;
  }

  OrderedJson members(const arrow::StructArray& array, std::int64_t at) const {
    auto out = OrderedJson::object();
    for (int field = 0; field < array.num_fields(); ++field) {
      const auto& name = array.struct_type()->field(field)->name();
      if (out.contains(name)) fail("key '" + printable(name, 60) + "' occurs twice");
      out[name] = value(*array.field(field), at);
    }
    return out;
  }

  // The datasets package writes columns whose values differ in type as texts of JSON.
  OrderedJson extended(const arrow::ExtensionArray& array, std::int64_t at) const {
    auto held = value(*array.storage(), at);
    const auto& type = static_cast<const arrow::ExtensionType&>(*array.type());
    if (type.extension_name() != "arrow.json" || !held.is_string()) return held;
    return parse_ordered_json(held.get_ref<const std::string&>(), place_of(file_, line_),
                              {.remedy = remedy});
  }

  std::string file_;
  arrow::CappedMemoryPool pool_;
  std::string bytes_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::vector<std::string> unread_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t row_ = 0;
  std::uint64_t line_ = 0;  // the row, from 1
};

}  // namespace
}  // namespace strata::data

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::data::Records>
strata_open_parquet(strata::data::ByteInput& input, const std::string& file) {
  return std::make_unique<strata::data::ParquetRecords>(input, file);
}
