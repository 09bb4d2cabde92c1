# cmake -D source=... -D work=... -D generator=... -D compiler=... -D shared=ON|OFF
#       -D tools=0|1 -D built=... -D built_shared=0|1 -D nm=... -P run.cmake
#
# Installs the library and its command, and lets a user's project find it, once with find_package and
# once with pkg-config. Takes the library of the build tree `built` if that is of the right kind, else
# builds it, for some ISAs only.
cmake_policy(SET CMP0054 NEW)
unset(ENV{QCONV_ISA})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  message("${output}")
  if(NOT result EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}: ${result}")
  endif()
endfunction()

file(REMOVE_RECURSE ${work}/prefix ${work}/consumer)
file(MAKE_DIRECTORY ${work})
if((shared AND built_shared) OR (NOT shared AND NOT built_shared))
  set(library ${built})
else()
  # It is to be found, not to be fast.
  set(library ${work}/library)
  run(${CMAKE_COMMAND} -S ${source} -B ${library} -G ${generator}
      -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_BUILD_TYPE=Release
      -D CMAKE_CXX_FLAGS_RELEASE=-O1 -D BUILD_SHARED_LIBS=${shared}
      -D QCONV_BUILD_TOOLS=${tools} -D QCONV_BUILD_BENCH=OFF -D QCONV_BUILD_TESTS=OFF
      -D QCONV_BUILD_EXAMPLES=OFF -D QCONV_SMALL_KERNELS=ON -D QCONV_ISAS=avx2)
  run(${CMAKE_COMMAND} --build ${library} --parallel 2)
endif()
run(${CMAKE_COMMAND} --install ${library} --prefix ${work}/prefix)
if(tools)
  file(GLOB_RECURSE command ${work}/prefix/qconv)
  run(${command} info)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env QCONV_ISA=avx_vnni ${command} info
                  ERROR_VARIABLE error OUTPUT_QUIET)
  string(FIND "${error}" "is \"avx_vnni\", which is no ISA of this build" found)
  if(NOT library STREQUAL built AND found EQUAL -1)
    message(FATAL_ERROR "QCONV_ISAS=avx2 left avx_vnni in: ${error}")
  endif()
endif()

# A shared library exports its interface and nothing else.
if(shared AND NOT built_shared)
  file(GLOB_RECURSE shared_library ${work}/prefix/libqconv.so)
  execute_process(COMMAND ${nm} --dynamic --defined-only --demangle ${shared_library}
                  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  if(NOT symbols MATCHES "qconv::Conv::Prepack")
    message(FATAL_ERROR "libqconv.so does not export qconv::Conv::Prepack:\n${symbols}")
  endif()
  if(symbols MATCHES "qconv::(kernels|pack|dispatch|reference|RunLayer|BuildLayer)[^\n]*")
    message(FATAL_ERROR "libqconv.so exports ${CMAKE_MATCH_0}")
  endif()
endif()

# The user's project must not see the source tree.
file(GLOB consumer_files ${CMAKE_CURRENT_LIST_DIR}/CMakeLists.txt ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
file(COPY ${consumer_files} DESTINATION ${work}/consumer)
run(${CMAKE_COMMAND} -S ${work}/consumer -B ${work}/consumer/build -G ${generator}
    -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_BUILD_TYPE=Release
    -D CMAKE_PREFIX_PATH=${work}/prefix)
run(${CMAKE_COMMAND} --build ${work}/consumer/build)
run(${work}/consumer/build/consumer)

file(GLOB_RECURSE pc_file ${work}/prefix/qconv.pc)
cmake_path(GET pc_file PARENT_PATH pc_folder)
cmake_path(GET pc_folder PARENT_PATH lib_folder)
# A shared library needs no other package.
set(search PKG_CONFIG_PATH)
set(static_flag --static)
if(shared)
  set(search PKG_CONFIG_LIBDIR)
  set(static_flag "")
endif()
find_program(PKG_CONFIG pkg-config REQUIRED)
execute_process(COMMAND ${CMAKE_COMMAND} -E env ${search}=${pc_folder}
                        ${PKG_CONFIG} ${static_flag} --cflags --libs qconv
                OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
# The prefix is found from the place of qconv.pc, so that the installation can be moved.
foreach(flag IN ITEMS "-I([^ ;]*)=${work}/prefix/include" "-L([^ ;]*)=${lib_folder}")
  string(REGEX REPLACE "=.*" "" pattern "${flag}")
  string(REGEX REPLACE "^[^=]*=" "" want "${flag}")
  string(REGEX MATCH "${pattern}" match "${flags}")
  cmake_path(NORMAL_PATH CMAKE_MATCH_1 OUTPUT_VARIABLE folder)
  if(NOT folder STREQUAL want)
    message(FATAL_ERROR "qconv.pc says ${folder}, not ${want}: ${flags}")
  endif()
endforeach()
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${compiler} -std=c++20 ${work}/consumer/consumer.cpp -o ${work}/consumer/by_pkg_config
    ${flags} -Wl,-rpath,${lib_folder})
run(${work}/consumer/by_pkg_config)
