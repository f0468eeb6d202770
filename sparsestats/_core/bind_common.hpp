// What every family's bindings need: arrays handed over to Python, and Ctrl-C heard while the GIL is released.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <functional>
#include <initializer_list>
#include <vector>

namespace bind {

namespace nb = nanobind;

template <class T>
nb::ndarray<nb::numpy, T> give(std::vector<T>&& data, std::initializer_list<size_t> shape) {
  auto* kept = new std::vector<T>(std::move(data));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::ndarray<nb::numpy, T>(kept->data(), shape, owner);
}

// Ctrl-C reaches only the main thread; elsewhere the caller stops a Control instead.
inline std::function<bool()> signals() {
  nb::object threading = nb::module_::import_("threading");
  if (!threading.attr("current_thread")().is(threading.attr("main_thread")())) return {};
  return [] {
    nb::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  };
}

}  // namespace bind
