# For `node-gyp rebuild`: the same build as the install script's.
{
  "targets": [
    {
      "target_name": "dgsam",
      "type": "none",
      "actions": [
        {
          "action_name": "build",
          "inputs": ["install/build.mjs", "CMakeLists.txt"],
          "outputs": ["<(module_root_dir)/build/Release/dgsam-build.json"],
          "action": ["node", "<(module_root_dir)/install/build.mjs"]
        }
      ]
    }
  ]
}
