"""placeholder"""
def write_report(folder, data, module): folder.report_file.write_text("x")
