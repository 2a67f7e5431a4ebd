// Sends the answer of a sign-in back to the application that asked for it.
document.getElementById("form-post").submit();
