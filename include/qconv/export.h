// QCONV_API marks what a shared library of qconv exports. Everything else of qconv is hidden, in
// static libraries too, so that it does not become part of the interface of a library that embeds
// one; but not in a shared library that is built with its tests, which look inside.
//
// Layer: public API.
#pragma once

#define QCONV_API __attribute__((visibility("default")))
