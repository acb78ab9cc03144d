// An anonymous allocation of host memory, of exactly the requested bytes rounded up to whole pages.
#pragma once
#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <new>
#include <utility>

namespace strata {

// Page-aligned memory, zero until written, physical only where touched. Movable; one owner.
class Pages {
 public:
  Pages() = default;
  // Throws std::bad_alloc. Asks for huge pages from 2 MiB on.
  explicit Pages(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    data_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) throw std::bad_alloc();
    if (bytes >= (std::size_t{2} << 20)) ::madvise(data_, bytes, MADV_HUGEPAGE);
  }
  Pages(Pages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Pages() {
    if (data_) ::munmap(data_, bytes_);
  }

  std::byte* data() const { return static_cast<std::byte*>(data_); }
  std::size_t size() const { return bytes_; }
  // Locks all of it into memory until it is unmapped; 0, or the errno of the refusal.
  int lock() { return data_ && ::mlock2(data_, bytes_, 0) != 0 ? errno : 0; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace strata
