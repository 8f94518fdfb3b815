// tags_view.hpp - walking the encoded tags of a stored event. Reached through EventView::tags (event.hpp).
#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>

namespace stele {

// A forward range of string_views over the encoded form (per tag: 2-byte little-endian length, bytes).
// Borrowed like the view it came from; the encoding was verified when the event was read.
class TagsView {
 public:
  class iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    iterator() = default;
    explicit iterator(const char* at) : at_(at) {}
    std::string_view operator*() const { return {at_ + 2, size()}; }
    iterator& operator++() {
      at_ += 2 + size();
      return *this;
    }
    iterator operator++(int) {
      auto old = *this;
      ++*this;
      return old;
    }
    bool operator==(const iterator&) const = default;

   private:
    [[nodiscard]] std::size_t size() const {
      return static_cast<unsigned char>(at_[0]) + (std::size_t{static_cast<unsigned char>(at_[1])} << 8);
    }
    const char* at_ = nullptr;
  };

  TagsView() = default;
  explicit TagsView(std::string_view encoded) : encoded_(encoded) {}
  [[nodiscard]] iterator begin() const { return iterator(encoded_.data()); }
  [[nodiscard]] iterator end() const { return iterator(encoded_.data() + encoded_.size()); }
  [[nodiscard]] bool empty() const { return encoded_.empty(); }
  [[nodiscard]] bool contains(std::string_view tag) const;
  [[nodiscard]] std::string_view encoded() const { return encoded_; }

 private:
  std::string_view encoded_;
};

}  // namespace stele
